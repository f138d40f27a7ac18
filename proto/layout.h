/* Layouts: when a camera file was recorded, from where it lies and what it is called. Pure:
 * names in, times out.
 *
 *   frigate   YYYY-MM-DD/HH/CAMERA/MM.SS.mp4 below the recordings folder, UTC
 *   mediamtx  YYYY-MM-DD_HH-MM-SS-ffffff.mp4, local time
 *   motion    ...-YYYYMMDDHHMMSS.mp4, local time
 *   plain     anything; a date and time in the name is taken as local time
 *
 * A local time that the change of clocks doubles names two instants: the one nearer to the file's
 * modification time is taken. */
#ifndef PROTO_LAYOUT_H
#define PROTO_LAYOUT_H

#include "proto/clip.h"

/* `path` is relative to the camera's folder. `camera`: for Frigate, whose folder holds all cameras.
 * ERR_USER_NOT_FOUND: not a file of this camera; ERR_USER_TIME: its name tells no time. */
MUST_USE enum err layout_start(enum camera_layout layout, const char *camera, const char *path,
                               struct instant modified, struct instant *out);

/* Could files of this camera lie below this folder? Spares walking other cameras' folders. */
bool layout_enters(enum camera_layout layout, const char *camera, const char *folder);

#endif
