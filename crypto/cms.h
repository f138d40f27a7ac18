/* A court's seal: a detached CMS signature (RFC 5652) over a document, checked against the
 * certificates of authorities that were pinned before (PROTOCOL 5.5, RFC 5280).
 *
 * Taken is: DER or BER of one SignedData without content, whose signers all have signed attributes,
 * a digest of SHA-256, -384 or -512 over the very document, and a certificate that leads, in at
 * most CMS_DEPTH_MAX steps by certificates in the seal, to a pinned one. A pinned certificate need
 * not be a root: it may be an intermediate's or the signer's own.
 *
 * Time: every certificate has to be in its time at the moment asked about, which is now. The
 * signing time in a seal is the signer's own word, and a key that has run out is one that nobody
 * looks after any more. Whether a certificate was revoked is not known: nothing is fetched.
 *
 * Everything here is public, so a caller may learn why a seal does not hold.
 *
 * Memory: nothing is kept. Bounds: below; past one of them a seal is malformed. */
#ifndef CRYPTO_CMS_H
#define CRYPTO_CMS_H

#include "node/base/bytes.h"
#include "node/base/instant.h"

enum {
    CMS_SEAL_MAX = 64 * 1024,     /* bytes of a seal */
    CMS_CERTIFICATES_MAX = 16,    /* in a seal */
    CMS_SIGNERS_MAX = 4,          /* of a seal */
    CMS_DEPTH_MAX = 4,            /* certificates between the signer's and the pinned one */
    CMS_ANCHORS_MAX = 4,          /* pinned */
    CMS_CERTIFICATE_MAX = 2048,   /* bytes of a pinned one */
    CMS_CERTIFICATE_FILE = 16384, /* bytes of the file that it is read from */
    CMS_NAME_BYTES = 65,          /* a subject's name, NUL included */
};

enum cms_result {
    CMS_SEALED,       /* by all its signers */
    CMS_MALFORMED,    /* not what is taken, see above */
    CMS_TAMPERED,     /* it is not over this document, or was changed */
    CMS_UNKNOWN_ROOT, /* by somebody, but by no pinned authority, or not by a chain that holds */
    CMS_EXPIRED,      /* a certificate has run out or is not valid yet */
    CMS_WRONG_USAGE,  /* the signer's certificate is not for signing documents, or another of the
                         chain not for issuing certificates */
};

/* Writes *name, the first signer's, on CMS_SEALED alone: UTF-8 without control characters, cut. */
enum cms_result cms_check(struct bytes seal, struct bytes document, const struct bytes *anchors,
                          size_t anchor_count, struct instant now, char name[CMS_NAME_BYTES]);

/* One certificate out of a file, PEM or DER, as DER into `out`, whose max is CMS_CERTIFICATE_MAX.
 * False when there is none or it is too large. */
MUST_USE bool cms_certificate_read(struct bytes file, struct buffer *out);

/* The subject's name of a certificate in DER; false when it is none. */
MUST_USE bool cms_certificate_name(struct bytes der, char name[CMS_NAME_BYTES]);

#endif
