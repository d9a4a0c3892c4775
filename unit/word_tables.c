/* The words that directives of a fixed vocabulary take, for value_word and property_word: declared beside the settings
 * that hold their index. The first word is index 0; the default is unit_settings_default's. */
#include "unit/settings.h"

const char *const words_protect_home[] = { "no", "yes", "read-only", "tmpfs", NULL };
