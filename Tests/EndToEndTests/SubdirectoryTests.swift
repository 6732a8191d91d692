import Testing

/// Commands within a mount that shows one directory of a tenant.
@Suite("A subdirectory's mount", .serialized)
struct SubdirectoryTests {
    @Test("loci rm removes what the path shows, not its namesake above")
    func removes() throws {
        let tenant = try MountedStore(
            files: ["todo.md": "of the tenant", "projects/todo.md": "of the projects"],
            options: "subdir=projects"
        )
        #expect(try tenant.must("cat \"$M/todo.md\"").output.trimmed == "of the projects")
        #expect(try tenant.stat("todo.md", "path") == "projects/todo.md")
        try tenant.must("loci rm \"$M/todo.md\"")
        try tenant.must("loci umount \"$M\"; loci export \"$W/out\" --store \"$S\"")
        #expect(try tenant.must("cd \"$W/out\"; find . -type f").lines == ["./todo.md"])
        #expect(try tenant.must("cat \"$W/out/todo.md\"").output.trimmed == "of the tenant")
    }
}
