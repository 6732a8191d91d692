package import Catalog

/// A row of the SQL mapping; `Entry` alone is also the kernel's answer to a lookup.
package typealias CatalogEntry = Entry
