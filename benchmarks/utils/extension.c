/* extension.c - a module that rows compile with the headers of their interpreter.

   Each function does one operation TIMES times, by a macro where the headers have
   one, else by the function of the stable ABI: with Py_LIMITED_API (abi3) or
   Py_TARGET_ABI3T (abi3t, PEP 803).  With NEEDS_GIL the module does not say that
   it can do without. */

#include <Python.h>

enum { TIMES = 1000 };

#ifdef Py_LIMITED_API
#  define ITEM(tuple) PyTuple_GetItem(tuple, 0)
#  define CHARACTER(text) PyUnicode_ReadChar(text, 0)
#else
#  define ITEM(tuple) PyTuple_GET_ITEM(tuple, 0)
#  define CHARACTER(text) PyUnicode_READ_CHAR(text, 0)
#endif

/* The assembly keeps the compiler from doing an operation once for all. */
#define FUNCTION(name, ...)                                                   \
    static PyObject *name(PyObject *module, PyObject *object)                 \
    {                                                                         \
        Py_ssize_t sum = 0;                                                   \
        (void)module;                                                         \
        for (int i = 0; i < TIMES; i++) {                                     \
            __asm__ volatile("" : "+r"(object) : : "memory");                 \
            __VA_ARGS__                                                       \
        }                                                                     \
        return PyLong_FromSsize_t(sum);                                       \
    }

FUNCTION(reference, Py_INCREF(object); Py_DECREF(object); sum++;)
FUNCTION(check, sum += PyTuple_Check(object) != 0;)
FUNCTION(item, sum += ITEM(object) != NULL;)
FUNCTION(character, sum += CHARACTER(object) != 0;)

static PyMethodDef methods[] = {
    {"reference", reference, METH_O, NULL},
    {"check", check, METH_O, NULL},
    {"item", item, METH_O, NULL},
    {"character", character, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

#ifdef Py_TARGET_ABI3T

PyABIInfo_VAR(abi);

static PySlot slots[] = {
    PySlot_STATIC_DATA(Py_mod_abi, &abi),
    PySlot_STATIC_DATA(Py_mod_name, "extension"),
    PySlot_STATIC_DATA(Py_mod_methods, methods),
    PySlot_DATA(Py_mod_gil, Py_MOD_GIL_NOT_USED),
    PySlot_END,
};

PyMODEXPORT_FUNC
PyModExport_extension(void)
{
    return slots;
}

#else

static PyModuleDef_Slot slots[] = {
#if defined(Py_MOD_GIL_NOT_USED) && !defined(NEEDS_GIL)
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "extension",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit_extension(void)
{
    return PyModuleDef_Init(&definition);
}

#endif
