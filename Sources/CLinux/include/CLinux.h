// System calls and constants that Swift cannot import from the C library.
#ifndef LOCI_CLINUX_H
#define LOCI_CLINUX_H
#endif
