// lockedfile: adds one to a number under a Mutex.
package main

import (
	"os"
	"strconv"

	"github.com/rogpeppe/go-internal/lockedfile"
)

func main() {
	unlock, err := lockedfile.MutexAt("the.lock").Lock()
	if err != nil {
		panic(err)
	}
	text, _ := os.ReadFile("counter")
	number, _ := strconv.Atoi(string(text))
	if err := os.WriteFile("counter", []byte(strconv.Itoa(number+1)), 0o600); err != nil {
		panic(err)
	}
	unlock()
}
