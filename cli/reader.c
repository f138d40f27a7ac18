/* A document's text, got by pdftotext. What reads a stranger's PDF has no key, no network, no file
 * but the document, and little time and memory: the walls of media work, and limits. */
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/clip.h"

#define PDFTOTEXT "/usr/bin/pdftotext"

enum {
    FILES = 2, /* the document, and where its text goes */
    ADDRESS_SPACE = 512 * 1024 * 1024,
};

static void serve(int socket, const void *argument);
static _Noreturn void convert(const int files[FILES]);
static bool take_text(int file, struct buffer *out);

bool reader_installed(void) {
    return access(PDFTOTEXT, X_OK) == 0;
}

int reader_start(struct helper **out) {
    return helper_start(serve, NULL, "what reads documents", out);
}

bool reader_text(struct helper *reader, struct bytes pdf, struct buffer *out) {
    char done = '\0';
    int files[FILES] = {memfd_create("document", MFD_CLOEXEC), memfd_create("text", MFD_CLOEXEC)};
    bool good = files[0] >= 0 && files[1] >= 0 && helper_fill(files[0], pdf) &&
                lseek(files[0], 0, SEEK_SET) == 0 &&
                helper_send(reader->socket, "d", 1, files, FILES) &&
                read(reader->socket, &done, 1) == 1 && done == 'y' && take_text(files[1], out);
    for (size_t i = 0; i < FILES; i++) {
        if (files[i] >= 0) {
            (void)close(files[i]);
        }
    }
    return good;
}

static void serve(int socket, const void *argument) {
    int files[FILES];
    char byte = 0;
    (void)argument;
    while (helper_receive(socket, &byte, 1, files, FILES) == 1) {
        int status = -1;
        pid_t child = fork();
        if (child == 0) {
            convert(files);
        }
        bool good = child > 0 && waitpid(child, &status, 0) == child && status == 0;
        (void)close(files[0]);
        (void)close(files[1]);
        if (!helper_send(socket, good ? "y" : "n", 1, NULL, 0)) {
            break;
        }
    }
}

static _Noreturn void convert(const int files[FILES]) {
    char *const words[] = {"pdftotext", "-q", "-layout", "-nopgbrk", "-enc",
                           "UTF-8",     "-",  "-",       NULL};
    char *const nothing[] = {NULL};
    if (dup2(files[0], STDIN_FILENO) < 0 || dup2(files[1], STDOUT_FILENO) < 0 ||
        dup2(files[1], STDERR_FILENO) < 0) {
        _exit(1);
    }
    if (helper_confine(READER_TEXT_MAX, ADDRESS_SPACE)) {
        (void)execve(PDFTOTEXT, words, nothing);
    }
    _exit(1);
}

static bool take_text(int file, struct buffer *out) {
    off_t size = lseek(file, 0, SEEK_END);
    uint8_t *to = NULL;
    return size >= 0 && size <= READER_TEXT_MAX && lseek(file, 0, SEEK_SET) == 0 &&
           buffer_extend(out, (size_t)size, &to) == ERR_OK && read(file, to, (size_t)size) == size;
}
