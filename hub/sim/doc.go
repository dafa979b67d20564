// Package sim is the proof by experiment: a hub and several devices in one
// process, each with a real database, on a network that loses, delays, cuts and
// partitions, with crashes at any commit and administrators who change their
// minds. Time is that of testing/synctest, so that a minute passes in no time.
//
// The tests play one random history per seed and then hold what is there
// against what the devices and the administrators were told: see truth and
// oracle for what is checked of the guarantees G1 to G9. A history that fails
// prints its seed, with the faults that fired:
//
//	go test ./hub/sim -run TestHistories -seed 42 -runs 1 -v
//
// The order of goroutines is not part of a seed: a failure may need some runs
// to show again.
package sim
