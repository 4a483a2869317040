// Retry with dead lettering: a failed task waits a while, is tried again, and is set aside
// after three attempts. No clock and no memory of attempts in the worker: the queues do it.
//
//	go run retry.go work            do tasks until stopped; those that contain "bad" fail
//	go run retry.go send TASK...    hand in tasks
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	queue    = "example.retry"
	wait     = "example.retry.wait"
	failed   = "example.retry.failed"
	waitMs   = 500
	attempts = 3
)

func main() {
	if len(os.Args) < 2 || (os.Args[1] != "work" && os.Args[1] != "send") {
		log.Fatal("usage: retry work | send TASK...")
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
	declare(channel)
	confirms := channel.NotifyPublish(make(chan amqp.Confirmation, 1))
	check(channel.Confirm(false))
	publish := func(queue string, body []byte) {
		check(channel.PublishWithContext(context.Background(), "", queue, false, false,
			amqp.Publishing{DeliveryMode: amqp.Persistent, Body: body}))
		if !(<-confirms).Ack {
			log.Fatalf("the broker refused %q", body)
		}
	}
	if os.Args[1] == "work" {
		work(channel, publish)
	} else {
		for _, task := range os.Args[2:] {
			publish(queue, []byte(task))
			fmt.Println("sent:", task)
		}
	}
}

// declare sets up the circle: rejected tasks go from queue to wait, and from there back when
// their time is over.
func declare(channel *amqp.Channel) {
	for name, arguments := range map[string]amqp.Table{
		queue: {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": wait},
		wait: {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": queue,
			"x-message-ttl": waitMs},
		failed: nil,
	} {
		_, err := channel.QueueDeclare(name, true, false, false, false, arguments)
		check(err)
	}
}

// failures tells how often the task was rejected before, as the broker has counted.
func failures(task amqp.Delivery) (count int64) {
	deaths, _ := task.Headers["x-death"].([]interface{})
	for _, death := range deaths {
		if table, ok := death.(amqp.Table); ok && table["queue"] == queue {
			n, _ := table["count"].(int64)
			count += n
		}
	}
	return count
}

func work(channel *amqp.Channel, publish func(queue string, body []byte)) {
	check(channel.Qos(1, 0, false))
	tasks, err := channel.Consume(queue, "", false, false, false, false, nil)
	check(err)
	fmt.Println("waiting for tasks")
	for task := range tasks {
		switch attempt := failures(task) + 1; {
		case !bytes.Contains(task.Body, []byte("bad")):
			fmt.Printf("done: %s\n", task.Body)
			check(task.Ack(false))
		case attempt < attempts:
			fmt.Printf("attempt %d failed: %s\n", attempt, task.Body)
			check(task.Reject(false))
		default:
			fmt.Printf("giving up: %s\n", task.Body)
			publish(failed, task.Body)
			check(task.Ack(false))
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
