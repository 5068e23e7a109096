/* options.h - an option of a function: its range, its default, its text. */

#ifndef PB_OPTIONS_H
#define PB_OPTIONS_H

#include "compat.h"

/* The default of a number that may be None. */
#define PB_NONE INT64_MIN

struct pb_option {
    const char *name;
    const char *const *choices;  // texts up to a NULL; NULL for a whole number
    int64_t least, most;         // of a number
    int64_t otherwise;   // the default: a number, or the index of a choice
    const char *doc;     // what it decides, or NULL
    const char *reason;  // of a range that this kernel alone has, or NULL
};

#define PB_CHOICE(name_, choices_, otherwise_, doc_)                          \
    {.name = name_, .choices = choices_, .otherwise = otherwise_, .doc = doc_}
#define PB_NUMBER(name_, least_, most_, otherwise_, doc_)                     \
    {.name = name_, .least = least_, .most = most_, .otherwise = otherwise_,  \
     .doc = doc_}

/* The value of an option: a number, or the index of a choice; the default for
   a `value` of NULL.  `owner` is the kernel, for a range with a reason.  0, or
   -1 with a TypeError or ValueError that names option, value and range. */
int pb_option_read(const struct pb_option *option, const char *owner,
                   PyObject *value, int64_t *number);

/* Appends to a text, which becomes NULL, with an exception set, on failure and
   then stays so. */
void pb_text_add(PyObject **text, const char *format, ...);

/* Append the option to a signature, and its line to a docstring. */
void pb_option_sign(const struct pb_option *option, PyObject **text);
void pb_option_describe(const struct pb_option *option, PyObject **text);

#endif /* PB_OPTIONS_H */
