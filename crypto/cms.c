#include "crypto/cms.h"

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "node/base/assert.h"

enum {
    SECURITY_LEVEL = 2, /* OpenSSL's for 112 bits: no SHA-1, no RSA below 2048 bits */
    KEY_BITS_MAX = 8192 /* what it costs to check grows with the square */
};

static enum cms_result check_parsed(CMS_ContentInfo *cms, struct bytes document,
                                    const struct bytes *anchors, size_t anchor_count,
                                    struct instant now, char name[CMS_NAME_BYTES]);
static bool is_taken(CMS_ContentInfo *cms, const STACK_OF(X509) * certificates);
static bool signer_is_taken(CMS_SignerInfo *signer);
static bool key_is_taken(X509 *certificate);
static bool signs_document(CMS_ContentInfo *cms, struct bytes document);
static STACK_OF(X509) * read_anchors(const struct bytes *anchors, size_t count);
static enum cms_result check_signer(CMS_SignerInfo *signer, STACK_OF(X509) * anchors,
                                    STACK_OF(X509) * others, struct instant now);
static enum cms_result check_chain(X509 *certificate, STACK_OF(X509) * anchors,
                                   STACK_OF(X509) * others, struct instant now);
static enum cms_result result_of(int x509_error);
static bool is_for_documents(X509 *certificate);
static X509 *read_certificate(struct bytes der);
static void subject_name(X509 *certificate, char name[CMS_NAME_BYTES]);
static void copy_name(const unsigned char *from, size_t len, char name[CMS_NAME_BYTES]);

enum cms_result cms_check(struct bytes seal, struct bytes document, const struct bytes *anchors,
                          size_t anchor_count, struct instant now, char name[CMS_NAME_BYTES]) {
    ASSERT(anchor_count <= CMS_ANCHORS_MAX);
    ASSERT(document.len <= INT32_MAX);
    if (seal.len == 0 || seal.len > CMS_SEAL_MAX) {
        return CMS_MALFORMED;
    }
    const unsigned char *at = seal.at;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)seal.len);
    enum cms_result result = CMS_MALFORMED;
    if (cms != NULL && at == seal.at + seal.len) {
        result = check_parsed(cms, document, anchors, anchor_count, now, name);
    }
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
    return result;
}

bool cms_certificate_read(struct bytes file, struct buffer *out) {
    if (file.len == 0 || file.len > CMS_CERTIFICATE_FILE) {
        return false;
    }
    X509 *certificate = read_certificate(file);
    BIO *text = certificate == NULL ? BIO_new_mem_buf(file.at, (int)file.len) : NULL;
    if (text != NULL) {
        certificate = PEM_read_bio_X509(text, NULL, NULL, NULL);
    }
    BIO_free(text);
    unsigned char *der = NULL;
    int len = certificate == NULL || !key_is_taken(certificate) ? 0 : i2d_X509(certificate, &der);
    bool good = len > 0 && buffer_append(out, (struct bytes){der, (size_t)len}) == ERR_OK;
    OPENSSL_free(der);
    X509_free(certificate);
    ERR_clear_error();
    return good;
}

bool cms_certificate_name(struct bytes der, char name[CMS_NAME_BYTES]) {
    X509 *certificate = read_certificate(der);
    bool good = certificate != NULL;
    if (good) {
        subject_name(certificate, name);
    }
    X509_free(certificate);
    ERR_clear_error();
    return good;
}

/* The signature first: one that is not over this document says nothing, whoever made it. */
static enum cms_result check_parsed(CMS_ContentInfo *cms, struct bytes document,
                                    const struct bytes *anchors, size_t anchor_count,
                                    struct instant now, char name[CMS_NAME_BYTES]) {
    STACK_OF(X509) *others = CMS_get1_certs(cms);
    STACK_OF(X509) *pinned = read_anchors(anchors, anchor_count);
    enum cms_result result = CMS_MALFORMED;
    if (pinned != NULL && is_taken(cms, others)) {
        STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);
        int count = sk_CMS_SignerInfo_num(signers);
        result = CMS_set1_signers_certs(cms, pinned, 0) == count ? CMS_SEALED : CMS_MALFORMED;
        for (int i = 0; result == CMS_SEALED && i < count; i++) {
            result =
                signer_is_taken(sk_CMS_SignerInfo_value(signers, i)) ? CMS_SEALED : CMS_MALFORMED;
        }
        if (result == CMS_SEALED && !signs_document(cms, document)) {
            result = CMS_TAMPERED;
        }
        for (int i = 0; result == CMS_SEALED && i < count; i++) {
            result = check_signer(sk_CMS_SignerInfo_value(signers, i), pinned, others, now);
        }
        if (result == CMS_SEALED) {
            X509 *first = NULL;
            CMS_SignerInfo_get0_algs(sk_CMS_SignerInfo_value(signers, 0), NULL, &first, NULL, NULL);
            subject_name(first, name);
        }
    }
    sk_X509_pop_free(pinned, X509_free);
    sk_X509_pop_free(others, X509_free);
    return result;
}

/* Form and bounds, before anything is computed. */
static bool is_taken(CMS_ContentInfo *cms, const STACK_OF(X509) * certificates) {
    if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed || CMS_is_detached(cms) != 1 ||
        OBJ_obj2nid(CMS_get0_eContentType(cms)) != NID_pkcs7_data) {
        return false;
    }
    int signers = sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms));
    if (signers < 1 || signers > CMS_SIGNERS_MAX ||
        sk_X509_num(certificates) > CMS_CERTIFICATES_MAX) {
        return false;
    }
    for (int i = 0; i < sk_X509_num(certificates); i++) {
        if (!key_is_taken(sk_X509_value(certificates, i))) {
            return false;
        }
    }
    return true;
}

/* Without signed attributes one could pass the attributes of another signature off as a document.
 */
static bool signer_is_taken(CMS_SignerInfo *signer) {
    X509 *certificate = NULL;
    X509_ALGOR *digest = NULL;
    CMS_SignerInfo_get0_algs(signer, NULL, &certificate, &digest, NULL);
    const ASN1_OBJECT *algorithm = NULL;
    X509_ALGOR_get0(&algorithm, NULL, NULL, digest);
    int nid = OBJ_obj2nid(algorithm);
    return certificate != NULL && CMS_signed_get_attr_count(signer) > 0 &&
           (nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512);
}

static bool key_is_taken(X509 *certificate) {
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    int kind = key == NULL ? EVP_PKEY_NONE : EVP_PKEY_get_base_id(key);
    return (kind == EVP_PKEY_RSA || kind == EVP_PKEY_RSA_PSS || kind == EVP_PKEY_EC ||
            kind == EVP_PKEY_ED25519) &&
           EVP_PKEY_get_bits(key) <= KEY_BITS_MAX;
}

static bool signs_document(CMS_ContentInfo *cms, struct bytes document) {
    BIO *content =
        BIO_new_mem_buf(document.len == 0 ? (const void *)"" : document.at, (int)document.len);
    bool good = content != NULL && CMS_verify(cms, NULL, NULL, content, NULL,
                                              CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) == 1;
    BIO_free(content);
    return good;
}

/* What is pinned and no certificate vouches for nobody. NULL when memory is short. */
static STACK_OF(X509) * read_anchors(const struct bytes *anchors, size_t count) {
    STACK_OF(X509) *pinned = sk_X509_new_null();
    for (size_t i = 0; pinned != NULL && i < count; i++) {
        X509 *certificate = read_certificate(anchors[i]);
        if (certificate != NULL && sk_X509_push(pinned, certificate) <= 0) {
            X509_free(certificate);
        }
    }
    return pinned;
}

static enum cms_result check_signer(CMS_SignerInfo *signer, STACK_OF(X509) * anchors,
                                    STACK_OF(X509) * others, struct instant now) {
    X509 *certificate = NULL;
    CMS_SignerInfo_get0_algs(signer, NULL, &certificate, NULL, NULL);
    enum cms_result result = check_chain(certificate, anchors, others, now);
    return result == CMS_SEALED && !is_for_documents(certificate) ? CMS_WRONG_USAGE : result;
}

static enum cms_result check_chain(X509 *certificate, STACK_OF(X509) * anchors,
                                   STACK_OF(X509) * others, struct instant now) {
    enum cms_result result = CMS_MALFORMED;
    X509_STORE *none = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (none != NULL && context != NULL &&
        X509_STORE_CTX_init(context, none, certificate, others) == 1) {
        X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(context);
        X509_STORE_CTX_set0_trusted_stack(context, anchors);
        X509_VERIFY_PARAM_set_depth(rules, CMS_DEPTH_MAX);
        X509_VERIFY_PARAM_set_auth_level(rules, SECURITY_LEVEL);
        X509_VERIFY_PARAM_set_time(rules, (time_t)(now.ms / 1000));
        (void)X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN);
        result = X509_verify_cert(context) == 1 ? CMS_SEALED
                                                : result_of(X509_STORE_CTX_get_error(context));
    }
    X509_STORE_CTX_free(context);
    X509_STORE_free(none);
    return result;
}

static enum cms_result result_of(int x509_error) {
    switch (x509_error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return CMS_EXPIRED;
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
    case X509_V_ERR_INVALID_PURPOSE:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
    case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
        return CMS_WRONG_USAGE;
    default: /* OpenSSL's, some seventy of them */
        return CMS_UNKNOWN_ROOT;
    }
}

/* RFC 5280, 4.2.1.3 and 4.2.1.12: where a certificate says what its key is for, signing must be
 * among it. Electronic seals often have contentCommitment (non-repudiation) alone. */
static bool is_for_documents(X509 *certificate) {
    static const char *const purposes[] = {
        "2.5.29.37.0",            /* any */
        "1.3.6.1.5.5.7.3.4",      /* e-mail, as which most signing certificates are issued */
        "1.3.6.1.5.5.7.3.36",     /* documents (RFC 9336) */
        "1.3.6.1.4.1.311.10.3.12" /* documents, Microsoft's */
    };
    if ((X509_get_key_usage(certificate) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) == 0) {
        return false;
    }
    EXTENDED_KEY_USAGE *named = X509_get_ext_d2i(certificate, NID_ext_key_usage, NULL, NULL);
    bool good = named == NULL && X509_get_ext_by_NID(certificate, NID_ext_key_usage, -1) < 0;
    for (int i = 0; named != NULL && i < sk_ASN1_OBJECT_num(named); i++) {
        char oid[64] = "";
        (void)OBJ_obj2txt(oid, sizeof oid, sk_ASN1_OBJECT_value(named, i), 1);
        for (size_t k = 0; k < sizeof purposes / sizeof purposes[0]; k++) {
            good |= strcmp(oid, purposes[k]) == 0;
        }
    }
    EXTENDED_KEY_USAGE_free(named);
    return good;
}

static X509 *read_certificate(struct bytes der) {
    const unsigned char *at = der.at;
    X509 *certificate =
        der.len == 0 || der.len > CMS_CERTIFICATE_FILE ? NULL : d2i_X509(NULL, &at, (long)der.len);
    if (certificate != NULL && at != der.at + der.len) {
        X509_free(certificate);
        certificate = NULL;
    }
    return certificate;
}

/* Its common name, or else its organisation's. */
static void subject_name(X509 *certificate, char name[CMS_NAME_BYTES]) {
    static const int parts[] = {NID_commonName, NID_organizationName};
    const X509_NAME *subject = X509_get_subject_name(certificate);
    name[0] = '\0';
    for (size_t i = 0; name[0] == '\0' && i < sizeof parts / sizeof parts[0]; i++) {
        int index = X509_NAME_get_index_by_NID(subject, parts[i], -1);
        unsigned char *text = NULL;
        int len = index < 0 ? -1
                            : ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(
                                                             X509_NAME_get_entry(subject, index)));
        if (len > 0) {
            copy_name(text, (size_t)len, name);
        }
        OPENSSL_free(text);
    }
    if (name[0] == '\0') {
        memcpy(name, "no name", sizeof "no name");
    }
}

static void copy_name(const unsigned char *from, size_t len, char name[CMS_NAME_BYTES]) {
    size_t room = CMS_NAME_BYTES - 1;
    if (len > room) { /* whole characters */
        for (len = room; len > 0 && (from[len] & 0xc0) == 0x80; len--) {
        }
    }
    for (size_t i = 0; i < len; i++) {
        name[i] = from[i] < 0x20 || from[i] == 0x7f ? '?' : (char)from[i];
    }
    name[len] = '\0';
}
