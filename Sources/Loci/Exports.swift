// Names, ids, times, schemes and errors stand in Model because every module speaks of them. Whoever
// imports Loci sees them too: they are part of its API.
@_exported public import Model
