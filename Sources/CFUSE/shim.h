// libfuse's low-level API as Swift sees it.
// _FILE_OFFSET_BITS must not be set here: clang then finds two definitions of `struct flock`.
#ifndef LOCI_CFUSE_SHIM_H
#define LOCI_CFUSE_SHIM_H

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

#endif
