/* What an asker says of a clip that it received, told straight to what a home counts of it. */
#ifndef TESTS_SUPPORT_RECEIPTS_H
#define TESTS_SUPPORT_RECEIPTS_H

#include "node/core/core.h"

/* In the turn of the store: the author's word at the core's present time that it has received, or
 * deleted, clip number `i` of this request. */
void receipts_tell(struct core *core, const struct id *author, const struct id *request, uint32_t i,
                   bool deleted);
/* Received and not deleted, as the core has counted it. */
bool receipts_owed(struct core *core, const struct id *author, uint32_t i);

#endif
