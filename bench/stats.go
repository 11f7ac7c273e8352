// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"slices"
)

// median of an even number of values is the mean of the middle two; of none, it
// is zero.
func median[T int64 | float64](values []T) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// spread is what pairs of measurements came to.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// ratios divides the a of each pair by its b. Runs that were made next to one
// another were disturbed by the same things, which the quotient of two medians
// would not take into account.
func ratios(a, b []float64) spread {
	pairs := make([]float64, 0, min(len(a), len(b)))
	for i := range cap(pairs) {
		pairs = append(pairs, a[i]/b[i])
	}
	return spreadOf(pairs)
}

// differences subtracts the b of each pair from its a.
func differences(a, b []float64) spread {
	pairs := make([]float64, 0, min(len(a), len(b)))
	for i := range cap(pairs) {
		pairs = append(pairs, a[i]-b[i])
	}
	return spreadOf(pairs)
}

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	return spread{Median: median(values), Min: slices.MinFunc(values, cmp.Compare[float64]), Max: slices.MaxFunc(values, cmp.Compare[float64])}
}
