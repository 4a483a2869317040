// What every test here shares: a client, queues of its own, cleaning up.
package e2e

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/aws/awserr"
	"github.com/aws/aws-sdk-go/aws/credentials"
	"github.com/aws/aws-sdk-go/aws/session"
	"github.com/aws/aws-sdk-go/service/sqs"
)

// scenario is one test's view of the service: a client and queues of its own. The client verifies
// the digests of bodies and attributes by itself, and posts to the queues' URLs.
type scenario struct {
	t   *testing.T
	sqs *sqs.SQS
}

func newScenario(t *testing.T) *scenario {
	if broker := os.Getenv("BROKER"); broker != "polymq" {
		t.Skipf("%s: no SQS by the Query protocol", broker)
	}
	t.Parallel()
	return &scenario{t, client(t)}
}

func client(t *testing.T) *sqs.SQS {
	t.Helper()
	opened, err := session.NewSession(aws.NewConfig().
		WithEndpoint(os.Getenv("SQS_URL")).WithRegion("us-east-1").WithMaxRetries(0).
		WithCredentials(credentials.NewStaticCredentials("x", "x", "")))
	if err != nil {
		t.Fatal(err)
	}
	return sqs.New(opened)
}

func (s *scenario) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func unique(hint string) string {
	random := make([]byte, 8)
	rand.Read(random)
	return "go-" + hint + "-" + hex.EncodeToString(random)
}

// queue makes a queue with a unique name; it is deleted afterwards.
func (s *scenario) queue(attributes map[string]string) *string {
	s.t.Helper()
	made, err := s.sqs.CreateQueue(&sqs.CreateQueueInput{
		QueueName: aws.String(unique("queue")), Attributes: aws.StringMap(attributes)})
	s.must(err)
	s.t.Cleanup(func() { s.sqs.DeleteQueue(&sqs.DeleteQueueInput{QueueUrl: made.QueueUrl}) })
	return made.QueueUrl
}

func (s *scenario) send(url *string, body string) *sqs.SendMessageOutput {
	s.t.Helper()
	sent, err := s.sqs.SendMessage(&sqs.SendMessageInput{
		QueueUrl: url, MessageBody: aws.String(body)})
	s.must(err)
	return sent
}

func (s *scenario) receive(url *string, wait int64) []*sqs.Message {
	s.t.Helper()
	got, err := s.sqs.ReceiveMessage(&sqs.ReceiveMessageInput{
		QueueUrl: url, MaxNumberOfMessages: aws.Int64(10), WaitTimeSeconds: aws.Int64(wait),
		AttributeNames:        []*string{aws.String("All")},
		MessageAttributeNames: []*string{aws.String("All")}})
	s.must(err)
	return got.Messages
}

// one receives the message that must be there.
func (s *scenario) one(url *string) *sqs.Message {
	s.t.Helper()
	messages := s.receive(url, 10)
	if len(messages) != 1 {
		s.t.Fatalf("%d messages rather than one", len(messages))
	}
	return messages[0]
}

func (s *scenario) attribute(url *string, name string) string {
	s.t.Helper()
	told, err := s.sqs.GetQueueAttributes(&sqs.GetQueueAttributesInput{
		QueueUrl: url, AttributeNames: []*string{aws.String(name)}})
	s.must(err)
	return aws.StringValue(told.Attributes[name])
}

// refused checks that err is the service's, with that code.
func (s *scenario) refused(err error, code string) {
	s.t.Helper()
	told, ok := err.(awserr.RequestFailure)
	if !ok {
		s.t.Fatalf("%v rather than %s", err, code)
	}
	if told.Code() != code || told.RequestID() == "" {
		s.t.Errorf("%s with id %q rather than %s", told.Code(), told.RequestID(), code)
	}
}

func equal(t *testing.T, what string, got, want interface{}) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v rather than %v", what, got, want)
	}
}
