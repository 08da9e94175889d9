// Goroutines that each run this program again, and add up what it says.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
)

func main() {
	if len(os.Args) > 1 {
		number, _ := strconv.Atoi(os.Args[1])
		fmt.Print(number * number)
		return
	}
	var wait sync.WaitGroup
	results := make(chan int, 3)
	for number := 1; number <= 3; number++ {
		wait.Add(1)
		go func(number int) {
			defer wait.Done()
			output, err := exec.Command(os.Args[0], fmt.Sprint(number)).Output()
			if err != nil {
				panic(err)
			}
			result, _ := strconv.Atoi(string(output))
			results <- result
		}(number)
	}
	wait.Wait()
	close(results)
	sum := 0
	for result := range results {
		sum += result
	}
	fmt.Println(sum)
	os.Exit(5)
}
