// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package term

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// writer is called with what is written.
type writer func(text string)

func (w writer) Write(p []byte) (int, error) {
	w(string(p))
	return len(p), nil
}

// Echo is off at every prompt and between two of them, whatever the scheduler does.
func TestE17_EchoIsOffFromQuestionToLastAnswer(t *testing.T) {
	for range 25 {
		p := openPTY(t)
		require.True(t, p.echoes(t))
		var seen strings.Builder
		answers, err := readHidden(t.Context(), p.slave, writer(func(text string) {
			require.False(t, p.echoes(t), "when %q is written", text)
			seen.WriteString(text)
			if text != "\n" {
				_, err := p.master.WriteString("secret for " + text + "\n")
				require.NoError(t, err)
			}
		}), "one", "two")
		require.NoError(t, err)
		require.Equal(t, "secret for one", string(answers[0]))
		require.Equal(t, "secret for two", string(answers[1]))
		require.Equal(t, "one\ntwo\n", seen.String())
		require.True(t, p.echoes(t), "the terminal is restored")
		require.NotContains(t, p.screen(), "secret")
	}
}

// Both answers are typed when the first byte of the question is on the screen of a
// process of its own.
func TestE17_EarlyAnswersAreNotShown(t *testing.T) {
	for range 5 {
		p := openPTY(t)
		cmd, out, stderr := asker(t, p, false)
		require.Eventually(t, func() bool { return p.screen() != "" }, 30*time.Second, time.Millisecond)
		require.False(t, p.echoes(t))
		_, err := p.master.WriteString("hunter2\nhunter2\n")
		require.NoError(t, err)
		require.NoError(t, cmd.Wait(), "%s", stderr)
		require.Equal(t, `got "hunter2"`, out.String())
		require.NotContains(t, p.screen(), "hunter2")
		require.True(t, p.echoes(t))
	}
}

// What was typed before the question is an answer to it, and is not thrown away.
func TestE17_TypedBeforeTheQuestion(t *testing.T) {
	p := openPTY(t)
	_, err := p.master.WriteString("early\n")
	require.NoError(t, err)
	answers, err := readHidden(t.Context(), p.slave, p.slave, "Passphrase: ")
	require.NoError(t, err)
	require.Equal(t, "early", string(answers[0]))
}

// A terminal that did not echo before does not echo afterwards.
func TestE17_EchoThatWasOffStaysOff(t *testing.T) {
	p := openPTY(t)
	restore, err := hideInput(int(p.slave.Fd()))
	require.NoError(t, err)
	_, err = readHidden(t.Context(), p.slave, writer(func(text string) {
		if text == "?" {
			_, err := p.master.WriteString("x\n")
			require.NoError(t, err)
		}
	}), "?")
	require.NoError(t, err)
	require.False(t, p.echoes(t))
	require.NoError(t, restore())
	require.True(t, p.echoes(t))
}

// No answer is read if the question cannot be shown, and the terminal echoes again.
func TestE17_QuestionThatCannotBeShown(t *testing.T) {
	p, broken := openPTY(t), openPTY(t)
	require.NoError(t, broken.slave.Close())
	_, err := readHidden(t.Context(), p.slave, broken.slave, "?")
	require.ErrorContains(t, err, "asking for the passphrase")
	require.True(t, p.echoes(t))
}

// Ctrl-C at the second question restores the terminal too.
func TestE17_InterruptAtTheSecondQuestion(t *testing.T) {
	p := openPTY(t)
	cmd, out, stderr := asker(t, p, false)
	p.answer(t, "New passphrase for the key: ", "hunter2")
	require.Eventually(t, func() bool { return strings.Contains(p.screen(), "Repeat the passphrase: ") }, 30*time.Second, time.Millisecond)
	_, err := p.master.WriteString("half\x03")
	require.NoError(t, err)
	require.Error(t, cmd.Wait())
	require.Equal(t, "ask: error: interrupted\n", stderr.String())
	require.Equal(t, `got ""`, out.String())
	require.True(t, p.echoes(t))
	require.NotContains(t, p.screen(), "half")
}

// A wait for the answer is no wait for a prompt: the two do not share a clock.
func TestE17_SlowAnswer(t *testing.T) {
	p := openPTY(t)
	var once sync.Once
	answers, err := readHidden(t.Context(), p.slave, writer(func(string) {
		once.Do(func() {
			time.AfterFunc(300*time.Millisecond, func() { _, _ = p.master.WriteString("slow\n") })
		})
	}), "?")
	require.NoError(t, err)
	require.Equal(t, "slow", string(answers[0]))
	require.NotContains(t, p.screen(), "slow")
}
