// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust

// What the tests need of the package besides its interface.
const ClockSkew = clockSkew

var PAE = pae
