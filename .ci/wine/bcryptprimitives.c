// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// The only function of bcryptprimitives.dll that Go calls. Wine 8 lacks the library.
// SystemFunction036 is RtlGenRandom; Wine reads the bytes from the kernel.

#include <stddef.h>

__declspec(dllimport) unsigned char __stdcall SystemFunction036(void *data, unsigned long size);

__declspec(dllexport) int __stdcall ProcessPrng(unsigned char *data, size_t size) {
	while (size > 0) {
		unsigned long n = size < 0x10000000 ? (unsigned long)size : 0x10000000;
		if (!SystemFunction036(data, n))
			return 0;
		data += n;
		size -= n;
	}
	return 1;
}
