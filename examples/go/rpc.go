// Remote procedure call: a request to a queue, the reply straight back to the caller.
//
//	go run rpc.go serve       answer requests until stopped
//	go run rpc.go call N      ask for the Nth Fibonacci number
package main

import (
	"context"
	"fmt"
	"log"
	"math/big"
	"os"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	queue   = "example.rpc"
	replyTo = "amq.rabbitmq.reply-to" // direct reply-to: no reply queue is needed
	timeout = 10 * time.Second
)

func main() {
	calling := len(os.Args) == 3 && os.Args[1] == "call"
	if !calling && (len(os.Args) != 2 || os.Args[1] != "serve") {
		log.Fatal("usage: rpc serve | call N")
	}
	url := os.Getenv("AMQP_URL")
	if url == "" {
		url = "amqp://guest:guest@localhost:5672/%2f"
	}
	connection, err := amqp.Dial(url)
	check(err)
	defer connection.Close()
	channel, err := connection.Channel()
	check(err)
	_, err = channel.QueueDeclare(queue, true, false, false, false, nil)
	check(err)
	if calling {
		call(channel, os.Args[2])
	} else {
		serve(channel)
	}
}

func fibonacci(n int) *big.Int {
	a, b := big.NewInt(0), big.NewInt(1)
	for i := 0; i < n; i++ {
		a.Add(a, b)
		a, b = b, a
	}
	return a
}

func serve(channel *amqp.Channel) {
	check(channel.Qos(1, 0, false))
	requests, err := channel.Consume(queue, "", false, false, false, false, nil)
	check(err)
	fmt.Println("waiting for requests")
	for request := range requests {
		n, _ := strconv.Atoi(string(request.Body))
		check(channel.PublishWithContext(context.Background(), "", request.ReplyTo, false, false,
			amqp.Publishing{CorrelationId: request.CorrelationId, Body: []byte(fibonacci(n).String())}))
		check(request.Ack(false))
	}
}

func call(channel *amqp.Channel, n string) {
	// The consumer must be there before the request goes out.
	replies, err := channel.Consume(replyTo, "", true, false, false, false, nil)
	check(err)
	id := strconv.FormatInt(time.Now().UnixNano(), 36)
	check(channel.PublishWithContext(context.Background(), "", queue, false, false,
		amqp.Publishing{ReplyTo: replyTo, CorrelationId: id, Body: []byte(n)}))
	deadline := time.After(timeout)
	for {
		select {
		case reply := <-replies:
			if reply.CorrelationId == id {
				fmt.Printf("fibonacci(%s) = %s\n", n, reply.Body)
				return
			}
		case <-deadline:
			log.Fatal("no reply")
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
