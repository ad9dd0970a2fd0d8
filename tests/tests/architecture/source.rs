//! Rust sources as the checks read them: code without comments, with or without the text of strings.

use std::fs;
use std::path::{Path, PathBuf};

/// One source file.
pub struct Source {
    /// Path below the root of the tree, with `/`.
    pub path: String,
    /// Without comments and without what stands in strings; line numbers are kept.
    pub code: String,
    /// Without comments.
    pub code_and_strings: String,
}

/// All Rust sources below a folder; none where there is no such folder.
pub fn rust_sources(root: &Path, folder: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    for path in files_below(&root.join(folder)) {
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a readable source");
            sources.push(Source {
                path: relative(root, &path),
                code: without_comments(&text, false),
                code_and_strings: without_comments(&text, true),
            });
        }
    }
    sources
}

/// All files below a folder, build results, hidden folders and query data left out, in a fixed order.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return files };
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') || name == "target" || name == "node_modules" {
            continue;
        }
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// A path below the root, with `/`.
pub fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// Blanks comments, and strings too unless they are kept. Lines stay where they are.
fn without_comments(text: &str, keep_strings: bool) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut place = 0;
    while place < characters.len() {
        let (end, keep) = match piece_at(&characters, place) {
            Some((end, Piece::Comment)) => (end, false),
            Some((end, Piece::Text)) => (end, keep_strings),
            None => (place + 1, true),
        };
        for character in &characters[place..end] {
            code.push(if keep || *character == '\n' { *character } else { ' ' });
        }
        place = end;
    }
    code
}

enum Piece {
    Comment,
    Text,
}

/// The end of the comment, string or character literal that starts at a place, if one does.
fn piece_at(characters: &[char], start: usize) -> Option<(usize, Piece)> {
    let at = |offset: usize| characters.get(start + offset).copied().unwrap_or('\0');
    let continues_a_word = start > 0 && is_word(characters[start - 1]);
    match (at(0), at(1)) {
        ('/', '/') => {
            let length = characters[start..].iter().take_while(|character| **character != '\n').count();
            Some((start + length, Piece::Comment))
        }
        ('/', '*') => Some((end_of_block_comment(characters, start), Piece::Comment)),
        ('"', _) => Some((end_of_string(characters, start), Piece::Text)),
        ('r', '"' | '#') if !continues_a_word || (start > 0 && characters[start - 1] == 'b') => {
            end_of_raw_string(characters, start).map(|end| (end, Piece::Text))
        }
        ('\'', '\\') => {
            let length = characters[start + 3..].iter().take_while(|character| **character != '\'').count();
            Some(((start + 3 + length + 1).min(characters.len()), Piece::Text))
        }
        // 'x' is a character, 'x without the closing mark a lifetime
        ('\'', _) if at(2) == '\'' => Some((start + 3, Piece::Text)),
        _ => None,
    }
}

fn end_of_block_comment(characters: &[char], start: usize) -> usize {
    let mut depth = 0;
    let mut place = start;
    while place < characters.len() {
        let next = characters.get(place + 1).copied();
        match (characters[place], next) {
            ('/', Some('*')) => {
                depth += 1;
                place += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                place += 2;
                if depth == 0 {
                    return place;
                }
            }
            _ => place += 1,
        }
    }
    place
}

fn end_of_string(characters: &[char], start: usize) -> usize {
    let mut place = start + 1;
    while place < characters.len() {
        match characters[place] {
            '\\' => place += 2,
            '"' => return place + 1,
            _ => place += 1,
        }
    }
    characters.len()
}

/// None where the `r` starts no raw string, as in `r#type`.
fn end_of_raw_string(characters: &[char], start: usize) -> Option<usize> {
    let hashes = characters[start + 1..].iter().take_while(|character| **character == '#').count();
    let opening = start + 1 + hashes;
    if characters.get(opening) != Some(&'"') {
        return None;
    }
    let mut place = opening + 1;
    while place < characters.len() {
        let closes = characters[place] == '"'
            && characters[place + 1..].iter().take(hashes).filter(|character| **character == '#').count()
                == hashes;
        if closes {
            return Some(place + 1 + hashes);
        }
        place += 1;
    }
    Some(characters.len())
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Every word of some code with its line number and the byte offset just behind it.
pub fn words(code: &str) -> Vec<(usize, &str, usize)> {
    let mut found = Vec::new();
    let mut line = 1;
    let mut word_start = None;
    for (offset, character) in code.char_indices().chain([(code.len(), '\n')]) {
        if is_word(character) {
            word_start.get_or_insert(offset);
            continue;
        }
        if let Some(start) = word_start.take() {
            found.push((line, &code[start..offset], offset));
        }
        if character == '\n' {
            line += 1;
        }
    }
    found
}

/// What some code names directly below a crate or module: of `krate::{a::b, c}` and `krate::d` it is a, c, d.
/// A bare `use krate as other` counts as `*`, as whatever is named through it is not seen.
pub fn names_below<'code>(code: &'code str, parent: &str) -> Vec<(usize, &'code str)> {
    let mut found = Vec::new();
    for (line, word, end) in words(code) {
        if word != parent {
            continue;
        }
        let rest = code[end..].trim_start();
        if rest.starts_with("as ") {
            found.push((line, "*"));
        }
        let Some(below) = rest.strip_prefix("::") else { continue };
        let below = below.trim_start();
        if let Some(group) = below.strip_prefix('{') {
            found.extend(first_names_of_group(group).into_iter().map(|name| (line, name)));
        } else {
            found.push((line, first_name(below)));
        }
    }
    found
}

fn first_names_of_group(group: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut depth = 0;
    let mut expects_name = true;
    for (offset, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => expects_name = true,
            _ if expects_name && !character.is_whitespace() => {
                names.push(first_name(&group[offset..]));
                expects_name = false;
            }
            _ => {}
        }
    }
    names
}

fn first_name(text: &str) -> &str {
    if text.starts_with('*') {
        return "*";
    }
    let end = text.find(|character| !is_word(character)).unwrap_or(text.len());
    &text[..end]
}

/// A plain string of some code.
pub struct Said {
    /// Its line number.
    pub line: usize,
    /// What stands in it.
    pub text: String,
    /// The code in front of it, without white space.
    pub before: String,
}

/// The plain strings of some code that still has them.
pub fn strings(code_and_strings: &str) -> Vec<Said> {
    let characters: Vec<char> = code_and_strings.chars().collect();
    let mut found = Vec::new();
    let mut before = String::new();
    let mut line = 1;
    let mut place = 0;
    while place < characters.len() {
        let end = piece_at(&characters, place).map_or(place + 1, |(end, _)| end);
        if characters[place] == '"' {
            let text = characters[place + 1..end - 1].iter().collect();
            found.push(Said { line, text, before: std::mem::take(&mut before) });
        } else {
            before.extend(characters[place..end].iter().filter(|character| !character.is_whitespace()));
        }
        line += characters[place..end].iter().filter(|character| **character == '\n').count();
        place = end;
    }
    found
}

#[test]
fn comments_and_strings_are_told_from_code() {
    let text = "let a = \"x // \\\" y\"; // sqlx\n/* tokio /* nested */ */ let b = r#\"lapin \" \"#; let c = 'l'; \
                fn f<'a>(r#type: &'a str) { '\\'' }";
    let code = without_comments(text, false);
    let expected_words = ["let", "a", "let", "b", "let", "c", "fn", "f", "a", "r", "type", "a", "str"];
    let found: Vec<&str> = words(&code).into_iter().map(|(_, word, _)| word).collect();
    assert_eq!(found, expected_words);
    assert_eq!(code.lines().count(), text.lines().count());
    assert!(without_comments(text, true).contains("lapin"));
    let found: Vec<(usize, String, String)> = strings("f(\"a\",\n \"b\")")
        .into_iter()
        .map(|found| (found.line, found.before, found.text))
        .collect();
    assert_eq!(found, [(1, "f(".into(), "a".into()), (2, ",".into(), "b".into())]);
}

#[test]
fn names_below_a_crate_are_found_in_groups_and_paths() {
    let code =
        "use krate::{a::{x, y}, b, c::*};\nlet q = krate :: d::E; use krate as k; mykrate::z; use krate::*;";
    assert_eq!(names_below(code, "krate"), vec![(1, "a"), (1, "b"), (1, "c"), (2, "d"), (2, "*"), (2, "*")]);
}
