package path

import "math"

const (
	beta1, beta2 = 0.9, 0.99 // of the moving averages of the gradient and of its square
	epsilon      = 1e-8
)

// adam keeps what the optimiser knows of each param.
type adam struct {
	params, grad []float32
	mean, square []float32
	step         int
	rate         float32
	correct      float32 // rate, with both averages' slow beginning taken out
	slack        float32 // epsilon, scaled likewise
}

func newAdam(params []float32, rate float32) *adam {
	n := len(params)
	return &adam{params: params, grad: make([]float32, n), mean: make([]float32, n), square: make([]float32, n), rate: rate}
}

// next begins a step.
func (a *adam) next() {
	a.step++
	root := math.Sqrt(1 - math.Pow(beta2, float64(a.step)))
	a.correct = float32(float64(a.rate) * root / (1 - math.Pow(beta1, float64(a.step))))
	a.slack = float32(epsilon * root)
}

// move changes the params from..to by their gradient, which it clears, and
// brings them nearer to zero by decay times the rate.
func (a *adam) move(from, to int, decay float32) {
	params, grad := a.params[from:to], a.grad[from:to]
	mean, square := a.mean[from:to], a.square[from:to]
	grad, mean, square = grad[:len(params)], mean[:len(params)], square[:len(params)]
	keep := 1 - a.rate*decay
	for i, g := range grad {
		m := mean[i] + (1-beta1)*(g-mean[i])
		s := square[i] + (1-beta2)*(g*g-square[i])
		mean[i], square[i] = m, s
		params[i] = params[i]*keep - a.correct*m/(float32(math.Sqrt(float64(s)))+a.slack)
	}
	clear(grad)
}
