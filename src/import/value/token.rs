//! Cuts the text of a date or a time into tokens.

use super::bare::fold_word;

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// Digits.
    Number(String),
    /// Letters, folded.
    Word(String),
    /// A blank, or several.
    Blank,
    /// Any other character.
    Mark(char),
}

impl Token {
    /// Returns the digits, or `None` for another token.
    pub fn digits(&self) -> Option<&str> {
        match self {
            Token::Number(digits) => Some(digits),
            _ => None,
        }
    }

    /// Returns the word, or `None` for another token.
    pub fn word(&self) -> Option<&str> {
        match self {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }

    /// Whether the token is this mark.
    pub fn is(&self, mark: char) -> bool {
        *self == Token::Mark(mark)
    }
}

/// Cuts a text into tokens.
pub fn tokenize(text: &str) -> Vec<Token> {
    let folded = fold_word(text);
    let mut tokens: Vec<Token> = Vec::new();
    for character in folded.chars() {
        match (tokens.last_mut(), character) {
            (Some(Token::Number(digits)), character) if character.is_ascii_digit() => {
                digits.push(character)
            }
            (_, character) if character.is_ascii_digit() => {
                tokens.push(Token::Number(character.to_string()))
            }
            (Some(Token::Word(word)), character) if character.is_alphabetic() => {
                word.push(character)
            }
            (_, character) if character.is_alphabetic() => {
                tokens.push(Token::Word(character.to_string()))
            }
            (Some(Token::Blank), character) if character.is_whitespace() => {}
            (_, character) if character.is_whitespace() => tokens.push(Token::Blank),
            (_, character) => tokens.push(Token::Mark(character)),
        }
    }
    tokens
}
