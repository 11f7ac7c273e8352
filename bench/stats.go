// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import "slices"

// median of an even number of values is the mean of the middle two. It is 0 without
// values.
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

// spread summarises pairs of measurements.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// ratios divides the a of each pair by its b. Runs of one turn were disturbed by the same
// load, which the quotient of two medians would ignore.
func ratios(a, b []float64) spread {
	return pairwise(a, b, func(a, b float64) float64 { return a / b })
}

// differences subtracts the b of each pair from its a.
func differences(a, b []float64) spread {
	return pairwise(a, b, func(a, b float64) float64 { return a - b })
}

func pairwise(a, b []float64, combine func(a, b float64) float64) spread {
	values := make([]float64, min(len(a), len(b)))
	for i := range values {
		values[i] = combine(a[i], b[i])
	}
	if len(values) == 0 {
		return spread{}
	}
	return spread{Median: median(values), Min: slices.Min(values), Max: slices.Max(values)}
}
