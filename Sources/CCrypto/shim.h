// SHA-256 of OpenSSL's libcrypto, which uses the processor's own instructions where it has them.
#ifndef LOCI_CCRYPTO_SHIM_H
#define LOCI_CCRYPTO_SHIM_H

// The direct functions, which OpenSSL 3 calls deprecated and keeps: those of <openssl/evp.h> reach
// the same code by way of a provider, and to load that takes a fifth of the time of a command that
// hashes once, as most do; to find it again, most of the time of a short hash.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#endif
