// Work queue: tasks are shared by any number of workers, each task done once.
//
//	go run work_queue.go work            take tasks until stopped
//	go run work_queue.go send TASK...    hand in tasks
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	amqp "github.com/rabbitmq/amqp091-go"
)

const queue = "example.tasks"

func main() {
	if len(os.Args) < 2 || (os.Args[1] != "work" && os.Args[1] != "send") {
		log.Fatal("usage: work_queue work | send TASK...")
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
	if os.Args[1] == "work" {
		work(channel)
	} else {
		send(channel, os.Args[2:])
	}
}

func work(channel *amqp.Channel) {
	check(channel.Qos(1, 0, false)) // one task at a time, so the load is shared fairly
	tasks, err := channel.Consume(queue, "", false, false, false, false, nil)
	check(err)
	fmt.Println("waiting for tasks")
	for task := range tasks {
		fmt.Printf("done: %s\n", task.Body)
		check(task.Ack(false)) // only now does the broker forget the task
	}
}

func send(channel *amqp.Channel, tasks []string) {
	confirms := channel.NotifyPublish(make(chan amqp.Confirmation, 1))
	check(channel.Confirm(false))
	for _, task := range tasks {
		check(channel.PublishWithContext(context.Background(), "", queue, false, false,
			amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte(task)}))
		if !(<-confirms).Ack {
			log.Fatalf("the broker refused %q", task)
		}
		fmt.Println("sent:", task)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
