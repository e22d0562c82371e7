//go:build cgo

package seccomp

/*
#include <malloc.h>

// glibc gives each thread an arena of its own, three mappings each time, and Go
// starts some threads before main. libseccomp, the only C here, is called by one.
__attribute__((constructor)) static void berth_one_arena(void) { mallopt(M_ARENA_MAX, 1); }
*/
import "C"
