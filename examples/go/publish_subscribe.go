// Publish/subscribe: every subscriber gets a copy of the events it asked for.
//
//	go run publish_subscribe.go subscribe PATTERN...    such as 'order.*' or '#'
//	go run publish_subscribe.go publish KEY TEXT        such as order.created 'order 42'
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	amqp "github.com/rabbitmq/amqp091-go"
)

const exchange = "example.events"

func main() {
	publishing := len(os.Args) == 4 && os.Args[1] == "publish"
	if !publishing && (len(os.Args) < 3 || os.Args[1] != "subscribe") {
		log.Fatal("usage: publish_subscribe subscribe PATTERN... | publish KEY TEXT")
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
	check(channel.ExchangeDeclare(exchange, "topic", true, false, false, false, nil))
	if publishing {
		publish(channel, os.Args[2], os.Args[3])
	} else {
		subscribe(channel, os.Args[2:])
	}
}

func subscribe(channel *amqp.Channel, patterns []string) {
	// A queue of our own, named by the broker, gone when we leave.
	queue, err := channel.QueueDeclare("", false, false, true, false, nil)
	check(err)
	for _, pattern := range patterns {
		check(channel.QueueBind(queue.Name, pattern, exchange, false, nil))
	}
	events, err := channel.Consume(queue.Name, "", true, false, false, false, nil)
	check(err)
	fmt.Println("waiting for events")
	for event := range events {
		fmt.Printf("%s: %s\n", event.RoutingKey, event.Body)
	}
}

func publish(channel *amqp.Channel, key, text string) {
	confirms := channel.NotifyPublish(make(chan amqp.Confirmation, 1))
	check(channel.Confirm(false))
	check(channel.PublishWithContext(context.Background(), exchange, key, false, false,
		amqp.Publishing{Body: []byte(text)}))
	if !(<-confirms).Ack {
		log.Fatalf("the broker refused %q", key)
	}
	fmt.Println("published:", key)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
