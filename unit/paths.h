/* unit/paths.h - what a path in a unit file may look like. */
#pragma once
#include "base/attr.h"

/* Absolute, below PATH_MAX, and no component above NAME_MAX. */
bool path_is_usable(const char *path);
/* "." and ".." do not occur as components. */
bool path_is_normalized(const char *path);
/* Takes out what does not change a path: doubled slashes, "." components and the slash at the end. In place. */
void path_simplify(char *path);
