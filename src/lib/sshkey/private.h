/* The armoured formats. Each fills *key from the decoded bytes; false: not readable as what its label says. */
#pragma once

#include "lib/sshkey/blob.h"

/* What stands between the BEGIN and END lines of these labels, decoded. */
bool pem_rsa_private(struct sv der, struct sshkey *key);
bool pem_rsa_public(struct sv der, struct sshkey *key);
bool pem_dsa_private(struct sv der, struct sshkey *key);
bool pem_ec_private(struct sv der, struct sshkey *key);
bool pem_pkcs8_private(struct sv der, struct sshkey *key);
bool pem_pkcs8_public(struct sv der, struct sshkey *key);
bool openssh_private(struct sv bytes, struct sshkey *key);

/* Copies a comment: cut to fit, control characters and invalid UTF-8 as '?'. */
void sshkey_set_comment(struct sshkey *key, struct sv comment);
