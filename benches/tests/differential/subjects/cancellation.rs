//! A tree of tokens, which are cloned, dropped and cancelled.

use super::Token;
use crate::side::{Operation, Subject, Value, choose, done, pause, take_one, waits};
use crate::steps::{Random, Step};

pub struct CancellationToken {
    tokens: Vec<Token>,
}

impl Subject for CancellationToken {
    fn new(_: &mut Random) -> Self {
        CancellationToken { tokens: vec![Token::new()] }
    }

    fn operate(&mut self, step: Step) -> Operation {
        let Some(token) = choose(&self.tokens, step.which).cloned() else {
            self.tokens.push(Token::new());
            return done("a new token", ());
        };
        match step.operation % 20 {
            0..3 => {
                self.tokens.push(token.child_token());
                done("child_token", self.tokens.len())
            }
            3 | 4 => {
                self.tokens.push(token);
                done("clone a token", self.tokens.len())
            }
            5 | 6 => {
                drop(token);
                done("drop a token", take_one(&mut self.tokens, step.which).is_some())
            }
            7 | 8 => done("cancel", token.cancel()),
            9 => done("is_cancelled", token.is_cancelled()),
            10..14 => waits("cancelled_owned", token.cancelled_owned()),
            14 => waits("cancelled", async move { token.cancelled().await }),
            15 | 16 => {
                let value = Value::new(step.number);
                let work = async move {
                    pause().await;
                    value
                };
                waits("run_until_cancelled", async move { token.run_until_cancelled(work).await })
            }
            17 => done("drop a guard", drop(token.drop_guard())),
            18 => done("drop a guard that is disarmed", drop(token.drop_guard().disarm())),
            _ => {
                let other = choose(&self.tokens, step.amount);
                done("is it the same", other.map(|other| *other == token))
            }
        }
    }
}
