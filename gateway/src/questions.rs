//! What operators and business systems ask of shards: questions from beside the cores, and the way back of each answer. It
//! does not know what is asked.

use crate::entry::SessionKey;
use crate::entry::requests::Context;
use crate::limits::{QUESTION_PATIENCE, QUESTIONS_MAX};
use flume::Receiver;
use service::mailbox::Directory;
use shard::command::{Answer, Command};
use std::collections::HashMap;
use std::fmt;
use tokio::sync::oneshot::{self, Sender};

/// An answer, and what it needs to become a frame.
pub type Answered = (Answer, Context);

/// A command, and who waits for its answer.
pub struct Question {
    /// The command. It is one that is answered.
    pub command: Command,
    /// Dropped if there is no room for it.
    pub answer: Sender<Answered>,
}

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// It was not taken: too much is asked at once.
    Busy,
    /// It was taken, and may still be done.
    Late,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "too much is asked at once; say it again",
            Self::Late => "no answer in time: it may still be done; say it again",
        })
    }
}

/// Asks the shard that a user, or whatever else a command is for, belongs to.
///
/// # Errors
/// There was no room for it, or no answer in time.
pub async fn ask(
    cores: &Directory<Question>,
    (home, command): (u64, Command),
) -> Result<Answered, Unanswered> {
    let (answer, heard) = oneshot::channel();
    let core = usize::try_from(home % cores.cores() as u64).expect("a core's number");
    if !cores.tell(core, Question { command, answer }) {
        return Err(Unanswered::Busy);
    }
    match tokio::time::timeout(QUESTION_PATIENCE, heard).await {
        Ok(Ok(answered)) => Ok(answered),
        Ok(Err(_)) => Err(Unanswered::Busy),
        Err(_) => Err(Unanswered::Late),
    }
}

/// The questions of a core: those that arrive, and those that are not answered yet.
pub struct Questions {
    arriving: Receiver<Vec<Question>>,
    session: SessionKey,
    waiting: HashMap<u64, Sender<Answered>>,
    asked: u64,
}

impl Questions {
    /// With none yet. They are asked as that session of the process itself.
    #[must_use]
    pub fn new(arriving: Receiver<Vec<Question>>, session: SessionKey) -> Self {
        Self { arriving, session, waiting: HashMap::new(), asked: 0 }
    }

    /// As whom they are asked.
    #[must_use]
    pub fn session(&self) -> SessionKey {
        self.session
    }

    /// What is to be asked now, each under a number of its own.
    pub fn arrived(&mut self) -> Vec<(Command, u64)> {
        let mut commands = Vec::new();
        for Question { command, answer } in self.arriving.try_iter().flatten() {
            if self.waiting.len() < QUESTIONS_MAX {
                self.asked += 1;
                self.waiting.insert(self.asked, answer);
                commands.push((command, self.asked));
            }
        }
        commands
    }

    /// The answer to a question. Whoever asked may be gone.
    pub fn on_answer(&mut self, number: u64, answered: Answered) {
        if let Some(asker) = self.waiting.remove(&number) {
            let _ = asker.send(answered);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{RefusalCode, Uid};

    #[test]
    fn each_answer_reaches_who_asked_and_what_is_too_much_is_dropped() {
        let (sender, arriving) = flume::bounded(QUESTIONS_MAX + 1);
        let session = SessionKey::from_bits(1).expect("a key");
        let mut questions = Questions::new(arriving, session);
        let ask = || {
            let (answer, heard) = oneshot::channel();
            let command = Command::Heartbeat { uid: Uid(7), time_ms: 0 };
            sender.send(vec![Question { command, answer }]).unwrap();
            heard
        };
        let mut heard: Vec<_> = (0..=QUESTIONS_MAX).map(|_| ask()).collect();
        let numbers: Vec<u64> = questions.arrived().into_iter().map(|(_, number)| number).collect();
        assert_eq!(numbers.len(), QUESTIONS_MAX);
        assert!(heard.pop().expect("one too many").try_recv().is_err());
        let context = Context { inbox_epoch: 1, server_time_ms: 2 };
        let answer = (Answer::Closed(RefusalCode::Busy), context);
        questions.on_answer(numbers[1], answer.clone());
        questions.on_answer(numbers[1], answer.clone());
        assert_eq!(heard[1].try_recv(), Ok(answer));
        assert!(heard[0].try_recv().is_err());
        drop(heard.remove(0));
        questions.on_answer(numbers[0], (Answer::Closed(RefusalCode::Busy), context));
        let _again = ask();
        assert_eq!(questions.arrived().len(), 1, "there is room again");
    }
}
