// gofrs/flock: adds one to a number under the lock.
package main

import (
	"os"
	"strconv"

	"github.com/gofrs/flock"
)

func main() {
	lock := flock.New("the.lock")
	if err := lock.Lock(); err != nil {
		panic(err)
	}
	text, _ := os.ReadFile("counter")
	number, _ := strconv.Atoi(string(text))
	if err := os.WriteFile("counter", []byte(strconv.Itoa(number+1)), 0o600); err != nil {
		panic(err)
	}
	if err := lock.Unlock(); err != nil {
		panic(err)
	}
}
