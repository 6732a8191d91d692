// SHA-256 of OpenSSL's libcrypto, which uses the processor's own instructions where it has them.
#ifndef LOCI_CCRYPTO_SHIM_H
#define LOCI_CCRYPTO_SHIM_H

// The direct functions, which OpenSSL 3 calls deprecated and keeps: those of <openssl/evp.h> reach
// the same code by way of a provider. To load that takes 1 to 2 ms of each process that hashes once,
// as most commands do, and to find it again 0.6 us of each hash; the hash itself takes 0.1.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#endif
