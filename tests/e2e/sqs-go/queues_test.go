// Queues and what is refused.
package e2e

import (
	"testing"

	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/service/sqs"
)

func TestQueuesAreFoundAndListed(t *testing.T) {
	s := newScenario(t)
	prefix := unique("list")
	urls := map[string]bool{}
	for _, end := range []string{"-a", "-b", "-c"} {
		made, err := s.sqs.CreateQueue(&sqs.CreateQueueInput{QueueName: aws.String(prefix + end)})
		s.must(err)
		url := made.QueueUrl
		t.Cleanup(func() { s.sqs.DeleteQueue(&sqs.DeleteQueueInput{QueueUrl: url}) })
		found, err := s.sqs.GetQueueUrl(&sqs.GetQueueUrlInput{QueueName: aws.String(prefix + end)})
		s.must(err)
		equal(t, "URL", *found.QueueUrl, *url)
		urls[*url] = true
	}
	pages := 0
	s.must(s.sqs.ListQueuesPages(
		&sqs.ListQueuesInput{QueueNamePrefix: &prefix, MaxResults: aws.Int64(2)},
		func(page *sqs.ListQueuesOutput, last bool) bool {
			pages++
			for _, url := range page.QueueUrls {
				delete(urls, *url)
			}
			return true
		}))
	equal(t, "pages", pages, 2)
	equal(t, "queues not listed", len(urls), 0)
}

func TestAttributesAndTags(t *testing.T) {
	s := newScenario(t)
	url := s.queue(map[string]string{"VisibilityTimeout": "7"})
	_, err := s.sqs.SetQueueAttributes(&sqs.SetQueueAttributesInput{
		QueueUrl: url, Attributes: aws.StringMap(map[string]string{"DelaySeconds": "3"})})
	s.must(err)
	equal(t, "delay", s.attribute(url, "DelaySeconds"), "3")
	equal(t, "timeout", s.attribute(url, "VisibilityTimeout"), "7")
	_, err = s.sqs.TagQueue(&sqs.TagQueueInput{
		QueueUrl: url, Tags: aws.StringMap(map[string]string{"a": "1", "b": "2"})})
	s.must(err)
	_, err = s.sqs.UntagQueue(&sqs.UntagQueueInput{QueueUrl: url, TagKeys: []*string{aws.String("a")}})
	s.must(err)
	tags, err := s.sqs.ListQueueTags(&sqs.ListQueueTagsInput{QueueUrl: url})
	s.must(err)
	equal(t, "tags", len(tags.Tags), 1)
	equal(t, "tag", aws.StringValue(tags.Tags["b"]), "2")
}

func TestAPurgeLeavesNothing(t *testing.T) {
	s := newScenario(t)
	url := s.queue(nil)
	s.send(url, "x")
	_, err := s.sqs.PurgeQueue(&sqs.PurgeQueueInput{QueueUrl: url})
	s.must(err)
	equal(t, "left", len(s.receive(url, 0)), 0)
}

func TestRefusalsHaveTheirCodes(t *testing.T) {
	s := newScenario(t)
	url := s.queue(nil)
	missing := aws.String(*url + "-missing")
	_, err := s.sqs.SendMessage(&sqs.SendMessageInput{QueueUrl: missing, MessageBody: aws.String("x")})
	s.refused(err, sqs.ErrCodeQueueDoesNotExist)
	_, err = s.sqs.GetQueueUrl(&sqs.GetQueueUrlInput{QueueName: aws.String(unique("never"))})
	s.refused(err, sqs.ErrCodeQueueDoesNotExist)
	_, err = s.sqs.DeleteMessage(&sqs.DeleteMessageInput{
		QueueUrl: url, ReceiptHandle: aws.String("x")})
	s.refused(err, sqs.ErrCodeReceiptHandleIsInvalid)
	_, err = s.sqs.SendMessage(&sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("\x01")})
	s.refused(err, sqs.ErrCodeInvalidMessageContents)
	_, err = s.sqs.CreateQueue(&sqs.CreateQueueInput{QueueName: aws.String(unique("q")),
		Attributes: aws.StringMap(map[string]string{"Color": "red"})})
	s.refused(err, sqs.ErrCodeInvalidAttributeName)
	_, err = s.sqs.ReceiveMessage(&sqs.ReceiveMessageInput{
		QueueUrl: url, MaxNumberOfMessages: aws.Int64(11)})
	s.refused(err, "InvalidParameterValue")
	_, err = s.sqs.SendMessageBatch(&sqs.SendMessageBatchInput{QueueUrl: url,
		Entries: []*sqs.SendMessageBatchRequestEntry{
			{Id: aws.String("a"), MessageBody: aws.String("x")},
			{Id: aws.String("a"), MessageBody: aws.String("x")}}})
	s.refused(err, sqs.ErrCodeBatchEntryIdsNotDistinct)
}
