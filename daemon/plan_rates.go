package daemon

import (
	"cmp"
	"context"
	"slices"
	"time"

	"moed/moe/ggml"
	"moed/moe/kernels"
	"moed/predictor/cost"
)

// KernelRate is what this machine's threads get done with weights of one type.
type KernelRate struct {
	Type  string  `json:"type"`
	Bytes float64 `json:"bytes_per_s"` // of weights from memory, for one token
	Adds  float64 `json:"adds_per_s"`  // multiply-adds, for a prompt's tokens
}

// kernelRates by the weights' type.
type kernelRates map[ggml.Type]cost.Rate

const (
	ratedBytes   = 96 << 20 // more than the caches hold
	ratedCols    = 2048
	ratedRows    = 768
	ratedAtOnce  = 6  // matrices of a parallel region, as of a layer
	ratedStep    = 29 // from one matrix to the next
	ratedVectors = 32
	ratedTime    = 40 * time.Millisecond // for each figure
	ratedPattern = 0x3c                  // a number near one, and no slow one, in every type of weight and scale
)

// measureKernels times products with weights of those types on so many threads.
// It takes a tenth of a second for each type and holds 96 MiB meanwhile.
func measureKernels(ctx context.Context, types []ggml.Type, threads int) (kernelRates, error) {
	pool := kernels.NewPool(threads)
	defer pool.Close()
	data := make([]byte, ratedBytes)
	for i := range data {
		data[i] = ratedPattern
	}
	rates := kernelRates{}
	for _, t := range types {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		one, err := measureKernel(pool, t, data, 1)
		if err != nil {
			return nil, err
		}
		many, err := measureKernel(pool, t, data, ratedVectors)
		if err != nil {
			return nil, err
		}
		rates[t] = cost.Rate{Bytes: one.Bytes, Adds: many.Adds}
	}
	return rates, nil
}

// measureKernel times matrices in data with n vectors. With one vector they are
// taken from all over data, some at a time, as a layer takes its experts; with
// many it is one matrix again and again.
func measureKernel(pool *kernels.Pool, t ggml.Type, data []byte, n int) (cost.Rate, error) {
	stride, err := t.RowBytes(ratedCols)
	if err != nil {
		return cost.Rate{}, err
	}
	size, rows := stride*ratedRows, ratedRows
	matrices := make([]kernels.Matrix, len(data)/size)
	for i := range matrices {
		if matrices[i], err = kernels.NewMatrix(t, rows, ratedCols, data[i*size:][:size]); err != nil {
			return cost.Rate{}, err
		}
	}
	at := 1 // of the matrices in one parallel region
	if n == 1 {
		at = min(ratedAtOnce, len(matrices))
	}
	form, _ := kernels.FormOf(t)
	x := ratedInput(n, form)
	out := make([]float32, at*rows*n)
	products := kernels.NewProducts(pool)
	next := 0
	run := func() time.Duration {
		began := time.Now()
		for i := range at {
			products.Add(kernels.Product{W: matrices[next], X: x, N: n, Out: out[i*rows*n:], Stride: rows})
			if n == 1 {
				next = (next + ratedStep) % len(matrices)
			}
		}
		products.Run()
		return time.Since(began)
	}
	run() // wakes the threads
	var took []time.Duration
	for began := time.Now(); len(took) < 5 || time.Since(began) < ratedTime; {
		took = append(took, run())
	}
	// One of the quickest: other work on the machine is no property of it.
	slices.Sort(took)
	seconds := max(took[len(took)/10], time.Microsecond).Seconds()
	return cost.Rate{Bytes: float64(at*size) / seconds, Adds: float64(at*rows*ratedCols*n) / seconds}, nil
}

// ratedInput is n vectors of no special values.
func ratedInput(n int, form kernels.Form) *kernels.Vectors {
	x := kernels.NewVectors(ratedCols, n, form)
	for i := range n {
		for j := range x.Row(i) {
			x.Row(i)[j] = float32(j%17-8) / 8
		}
		x.Quantize(i)
	}
	return x
}

// best takes the better of two measurements.
func (r kernelRates) best(other kernelRates) {
	for t, rate := range other {
		r[t] = cost.Rate{Bytes: max(r[t].Bytes, rate.Bytes), Adds: max(r[t].Adds, rate.Adds)}
	}
}

// memory is what one vector's product gets from memory at best.
func (r kernelRates) memory() float64 {
	best := 0.0
	for _, rate := range r {
		best = max(best, rate.Bytes)
	}
	return best
}

// list is r for a report, by name.
func (r kernelRates) list() []KernelRate {
	list := make([]KernelRate, 0, len(r))
	for t, rate := range r {
		list = append(list, KernelRate{Type: t.String(), Bytes: rate.Bytes, Adds: rate.Adds})
	}
	slices.SortFunc(list, func(a, b KernelRate) int { return cmp.Compare(a.Type, b.Type) })
	return list
}
