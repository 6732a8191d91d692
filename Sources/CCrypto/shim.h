// SHA-256 of OpenSSL's libcrypto, which uses the processor's own instructions where it has them.
// Only what Digest needs: the rest of <openssl/evp.h> stays out of Swift.
#ifndef LOCI_CCRYPTO_SHIM_H
#define LOCI_CCRYPTO_SHIM_H

#include <stddef.h>

typedef struct evp_md_ctx_st loci_digest;

loci_digest *EVP_MD_CTX_new(void);
void EVP_MD_CTX_free(loci_digest *);
int EVP_MD_CTX_copy_ex(loci_digest *to, const loci_digest *from);
const struct evp_md_st *EVP_sha256(void);
int EVP_DigestInit_ex(loci_digest *, const struct evp_md_st *, void *engine);
int EVP_DigestUpdate(loci_digest *, const void *bytes, size_t count);
int EVP_DigestFinal_ex(loci_digest *, unsigned char *hash, unsigned int *count);

static inline int loci_sha256_begin(loci_digest *digest) {
    return EVP_DigestInit_ex(digest, EVP_sha256(), (void *)0);
}

#endif
