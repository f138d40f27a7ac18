/* The node's folders, on a real file system. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "node/shell/disk.h"
#include "tests/support/check.h"

enum {
    PAGES = 3
};

struct rig {
    char folder[64];
    struct disk disk;
    struct core_disk calls;
    int said;    /* what went to the journal: a file in place of stderr */
    int journal; /* the real one, meanwhile */
};

static const uint8_t grant[32] = {1, 2, 3};
static int direct_fails; /* with this errno; 0: it works */
static int write_fails;

/* The file system of these tests fails on demand. */
ssize_t pwrite(int fd, const void *buf, size_t n, off_t offset) {
    int fails = write_fails != 0                       ? write_fails
                : (fcntl(fd, F_GETFL) & O_DIRECT) != 0 ? direct_fails
                                                       : 0;
    if (fails != 0) {
        errno = fails;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, buf, n, offset);
}

static void rig_create(struct rig *rig, const char *journal) {
    char path[128];
    (void)snprintf(rig->folder, sizeof rig->folder, "/var/tmp/stoop-disk-XXXXXX");
    CHECK(mkdtemp(rig->folder) != NULL);
    (void)snprintf(path, sizeof path, "%s/vault", rig->folder);
    CHECK(mkdir(path, 0700) == 0);
    (void)snprintf(path, sizeof path, "%s/node", rig->folder);
    CHECK(mkdir(path, 0700) == 0);
    CHECK_ERR(ERR_OK, disk_start(&rig->disk, rig->folder));
    rig->calls = disk_calls(&rig->disk);
    CHECK_ERR(ERR_OK, rig->calls.make(rig->calls.context, CORE_FILE_DELIVERED, BYTES_OF(grant), 0));
    (void)snprintf(path, sizeof path, "%s/journal", rig->folder);
    rig->said = open(journal == NULL ? path : journal, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    rig->journal = dup(STDERR_FILENO);
    CHECK(rig->said >= 0 && rig->journal >= 0);
    CHECK(dup2(rig->said, STDERR_FILENO) == STDERR_FILENO);
}

static void rig_finish(struct rig *rig) {
    char command[128];
    CHECK(dup2(rig->journal, STDERR_FILENO) == STDERR_FILENO);
    (void)close(rig->journal);
    (void)close(rig->said);
    disk_finish(&rig->disk);
    direct_fails = 0;
    write_fails = 0;
    (void)snprintf(command, sizeof command, "rm -r %s", rig->folder);
    CHECK(system(command) == 0); /* NOLINT(cert-env33-c): a folder of our own */
}

/* Some file systems open nothing with O_DIRECT; then there is nothing to test. */
static bool direct_opens(const struct rig *rig) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s/journal", rig->folder);
    int fd = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
    if (fd < 0) {
        print_message("skipped: no O_DIRECT in /var/tmp\n");
        return false;
    }
    (void)close(fd);
    return true;
}

/* From the middle of a page to the middle of another, as a block comes. */
static enum err write_pages(struct rig *rig, uint8_t **out) {
    size_t len = PAGES * CORE_PAGE_BYTES;
    uint8_t *room = aligned_alloc(CORE_PAGE_BYTES, len + CORE_PAGE_BYTES);
    CHECK(room != NULL);
    for (size_t i = 0; i < len + CORE_PAGE_BYTES; i++) {
        room[i] = (uint8_t)(i * 7 + i / 251);
    }
    enum err err = rig->calls.write(rig->calls.context, CORE_FILE_DELIVERED, BYTES_OF(grant), 100,
                                    (struct bytes){room + 100, len});
    if (out == NULL) {
        free(room);
    } else {
        *out = room;
    }
    return err;
}

static void
test_a_full_disk_is_told_from_a_broken_one_whatever_becomes_of_the_journal(void **state) {
    (void)state;
    struct rig rig;
    rig_create(&rig, "/dev/full"); /* what is written there fails with ENOSPC */
    write_fails = EIO;
    CHECK_ERR(ERR_HOST_DISK, write_pages(&rig, NULL));
    rig_finish(&rig);
    rig_create(&rig, NULL);
    int unwritable = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK(dup2(unwritable, STDERR_FILENO) == STDERR_FILENO); /* EBADF */
    (void)close(unwritable);
    write_fails = ENOSPC;
    enum err err = write_pages(&rig, NULL);
    rig_finish(&rig);
    CHECK_ERR(ERR_FULL_DISK, err);
}

static void test_where_direct_pages_do_not_fit_others_are_written_without_a_word(void **state) {
    (void)state;
    struct rig rig;
    uint8_t *wrote = NULL;
    uint8_t got[PAGES * CORE_PAGE_BYTES];
    char byte = 0;
    rig_create(&rig, NULL);
    direct_fails = EINVAL;
    CHECK_ERR(ERR_OK, write_pages(&rig, &wrote));
    CHECK_ERR(ERR_OK, rig.calls.read(rig.calls.context, CORE_FILE_DELIVERED, BYTES_OF(grant), 100,
                                     got, sizeof got));
    assert_memory_equal(got, wrote + 100, sizeof got);
    CHECK(pread(rig.said, &byte, 1, 0) == 0);
    free(wrote);
    rig_finish(&rig);
}

static void test_a_direct_write_that_fails_for_another_reason_fails(void **state) {
    (void)state;
    struct rig rig;
    char byte = 0;
    rig_create(&rig, NULL);
    if (direct_opens(&rig)) {
        direct_fails = EIO;
        CHECK_ERR(ERR_HOST_DISK, write_pages(&rig, NULL));
        CHECK(pread(rig.said, &byte, 1, 0) == 1);
    }
    rig_finish(&rig);
}

static enum err visit_name(void *context, const struct id *name) {
    size_t *count = context;
    CHECK(memcmp(name->b, grant, sizeof grant) == 0);
    (*count)++;
    return ERR_OK;
}

static void test_an_edited_clip_and_its_leaves_come_and_go_together(void **state) {
    (void)state;
    struct rig rig;
    size_t count = 0;
    uint8_t got[8];
    const enum core_file files[] = {CORE_FILE_EDITED, CORE_FILE_EDITED_LEAVES};
    rig_create(&rig, NULL);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        CHECK_ERR(ERR_OK, rig.calls.make(rig.calls.context, files[i], BYTES_OF(grant), 100));
        CHECK_ERR(ERR_OK, rig.calls.write(rig.calls.context, files[i], BYTES_OF(grant), 0,
                                          (struct bytes){grant + i, sizeof got}));
    }
    CHECK_ERR(ERR_OK, rig.calls.sync(rig.calls.context, CORE_FILE_EDITED, BYTES_OF(grant)));
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        CHECK_ERR(ERR_OK,
                  rig.calls.read(rig.calls.context, files[i], BYTES_OF(grant), 0, got, sizeof got));
        assert_memory_equal(got, grant + i, sizeof got);
    }
    CHECK_ERR(ERR_OK, rig.calls.each(rig.calls.context, CORE_FILE_EDITED, visit_name, &count));
    CHECK(count == 2); /* either may be what a crash left */
    count = 0;
    CHECK_ERR(ERR_OK, rig.calls.each(rig.calls.context, CORE_FILE_DELIVERED, visit_name, &count));
    CHECK(count == 1); /* another folder */
    CHECK_ERR(ERR_OK, rig.calls.remove(rig.calls.context, CORE_FILE_EDITED, BYTES_OF(grant)));
    count = 0;
    CHECK_ERR(ERR_OK, rig.calls.each(rig.calls.context, CORE_FILE_EDITED, visit_name, &count));
    CHECK(count == 0);
    CHECK_ERR(ERR_USER_NOT_FOUND, rig.calls.read(rig.calls.context, CORE_FILE_EDITED_LEAVES,
                                                 BYTES_OF(grant), 0, got, sizeof got));
    CHECK_ERR(ERR_FULL_DISK,
              rig.calls.make(rig.calls.context, CORE_FILE_EDITED, BYTES_OF(grant), UINT64_MAX / 2));
    rig_finish(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_edited_clip_and_its_leaves_come_and_go_together),
        cmocka_unit_test(
            test_a_full_disk_is_told_from_a_broken_one_whatever_becomes_of_the_journal),
        cmocka_unit_test(test_where_direct_pages_do_not_fit_others_are_written_without_a_word),
        cmocka_unit_test(test_a_direct_write_that_fails_for_another_reason_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
