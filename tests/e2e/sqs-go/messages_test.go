// Messages of standard queues. The client itself fails a call whose digests do not match.
package e2e

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/service/sqs"
)

func TestBodiesArriveAsTheyWereSent(t *testing.T) {
	s := newScenario(t)
	url := s.queue(nil)
	for _, body := range []string{"x", "<a>&amp;'\"", "a\r\nb\rc\n\t", "  ", "ä€\U0001F600\ufffd",
		"a+b%20&c=d", strings.Repeat("ä", 100000)} {
		sent := s.send(url, body)
		got := s.one(url)
		equal(t, "body", aws.StringValue(got.Body), body)
		equal(t, "id", aws.StringValue(got.MessageId), aws.StringValue(sent.MessageId))
		_, err := s.sqs.DeleteMessage(&sqs.DeleteMessageInput{
			QueueUrl: url, ReceiptHandle: got.ReceiptHandle})
		s.must(err)
	}
	equal(t, "in flight", s.attribute(url, "ApproximateNumberOfMessagesNotVisible"), "0")
}

func TestAttributesOfAllTypesAreVerified(t *testing.T) {
	s := newScenario(t)
	url := s.queue(nil)
	attributes := map[string]*sqs.MessageAttributeValue{
		"text":   {DataType: aws.String("String"), StringValue: aws.String("ä & <b>")},
		"label":  {DataType: aws.String("String.address"), StringValue: aws.String("a")},
		"number": {DataType: aws.String("Number.float"), StringValue: aws.String("-4.50e3")},
		"bytes":  {DataType: aws.String("Binary"), BinaryValue: []byte{0, 255, 13, 10}},
	}
	_, err := s.sqs.SendMessage(&sqs.SendMessageInput{
		QueueUrl: url, MessageBody: aws.String("x"), MessageAttributes: attributes})
	s.must(err)
	got := s.one(url).MessageAttributes
	equal(t, "attributes", len(got), len(attributes))
	for name, want := range attributes {
		if got[name] == nil {
			t.Fatalf("no attribute %s", name)
		}
		equal(t, name, aws.StringValue(got[name].DataType), aws.StringValue(want.DataType))
		equal(t, name, aws.StringValue(got[name].StringValue), aws.StringValue(want.StringValue))
		if !bytes.Equal(got[name].BinaryValue, want.BinaryValue) {
			t.Errorf("%s: %v", name, got[name].BinaryValue)
		}
	}
}

func TestABatchGoesThereAndBack(t *testing.T) {
	s := newScenario(t)
	url := s.queue(nil)
	batch := &sqs.SendMessageBatchInput{QueueUrl: url}
	for i := 0; i < 10; i++ {
		batch.Entries = append(batch.Entries, &sqs.SendMessageBatchRequestEntry{
			Id: aws.String(fmt.Sprint(i)), MessageBody: aws.String(fmt.Sprint("body ", i)),
			MessageAttributes: map[string]*sqs.MessageAttributeValue{
				"n": {DataType: aws.String("Number"), StringValue: aws.String(fmt.Sprint(i))}}})
	}
	sent, err := s.sqs.SendMessageBatch(batch)
	s.must(err)
	equal(t, "sent", len(sent.Successful), 10)
	equal(t, "failed", len(sent.Failed), 0)
	removal := &sqs.DeleteMessageBatchInput{QueueUrl: url}
	for len(removal.Entries) < 10 {
		messages := s.receive(url, 10)
		if len(messages) == 0 {
			t.Fatalf("%d of 10", len(removal.Entries))
		}
		for _, message := range messages {
			equal(t, "body", *message.Body, "body "+*message.MessageAttributes["n"].StringValue)
			removal.Entries = append(removal.Entries, &sqs.DeleteMessageBatchRequestEntry{
				Id: message.MessageId, ReceiptHandle: message.ReceiptHandle})
		}
	}
	removed, err := s.sqs.DeleteMessageBatch(removal)
	s.must(err)
	equal(t, "removed", len(removed.Successful), 10)
}

func TestOfABatchOnlyWhatIsWrongFails(t *testing.T) {
	s := newScenario(t)
	url := s.queue(map[string]string{"MaximumMessageSize": "1024"})
	sent, err := s.sqs.SendMessageBatch(&sqs.SendMessageBatchInput{QueueUrl: url,
		Entries: []*sqs.SendMessageBatchRequestEntry{
			{Id: aws.String("large"), MessageBody: aws.String(strings.Repeat("x", 1025))},
			{Id: aws.String("good"), MessageBody: aws.String("x")}}})
	s.must(err)
	equal(t, "sent", len(sent.Successful), 1)
	equal(t, "failed", len(sent.Failed), 1)
	equal(t, "id", *sent.Failed[0].Id, "large")
	equal(t, "code", *sent.Failed[0].Code, "InvalidParameterValue")
	equal(t, "fault", *sent.Failed[0].SenderFault, true)
}

func TestWhatIsNotDeletedComesAgain(t *testing.T) {
	s := newScenario(t)
	url := s.queue(map[string]string{"VisibilityTimeout": "1"})
	s.send(url, "x")
	first, second := s.one(url), s.one(url)
	equal(t, "id", *second.MessageId, *first.MessageId)
	equal(t, "count", *second.Attributes["ApproximateReceiveCount"], "2")
}

func TestVisibilityIsChanged(t *testing.T) {
	s := newScenario(t)
	url := s.queue(nil)
	s.send(url, "x")
	_, err := s.sqs.ChangeMessageVisibility(&sqs.ChangeMessageVisibilityInput{
		QueueUrl: url, ReceiptHandle: s.one(url).ReceiptHandle, VisibilityTimeout: aws.Int64(0)})
	s.must(err)
	s.one(url)
}

func TestALongPollWakes(t *testing.T) {
	s := newScenario(t)
	url := s.queue(map[string]string{"DelaySeconds": "1"})
	s.send(url, "by the delay")
	equal(t, "body", *s.one(url).Body, "by the delay")
	empty := make(chan int, 1)
	go func() { empty <- len(s.receive(url, 1)) }()
	equal(t, "messages at the end", <-empty, 0)
}

func TestAPollThatIsCanceledTakesNothing(t *testing.T) {
	s := newScenario(t)
	url := s.queue(nil)
	for i := 0; i < 3; i++ {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		_, err := s.sqs.ReceiveMessageWithContext(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: url, WaitTimeSeconds: aws.Int64(20)})
		cancel()
		if err == nil {
			t.Fatal("the poll ended by itself")
		}
	}
	s.send(url, "x")
	equal(t, "count", *s.one(url).Attributes["ApproximateReceiveCount"], "1")
}

func TestDeadLetters(t *testing.T) {
	s := newScenario(t)
	dead := s.queue(nil)
	url := s.queue(map[string]string{"VisibilityTimeout": "0", "RedrivePolicy": fmt.Sprintf(
		`{"deadLetterTargetArn":%q,"maxReceiveCount":2}`, s.attribute(dead, "QueueArn"))})
	sent := s.send(url, "poison")
	s.one(url)
	s.one(url)
	got := s.one(dead)
	equal(t, "id", *got.MessageId, *sent.MessageId)
	equal(t, "source", aws.StringValue(got.Attributes["DeadLetterQueueSourceArn"]),
		s.attribute(url, "QueueArn"))
	sources := s.receive(url, 0)
	equal(t, "left", len(sources), 0)
}
