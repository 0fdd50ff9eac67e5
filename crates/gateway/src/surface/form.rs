//! What routes a request whose body is a form, read while it comes. Images are
//! edited so: the model is a field, and may stand behind files of any size.

use super::envelope::MAX_MODEL;
use super::multipart::{Field, Scanner};
use super::naming::{Mention, Spelling};
use super::{Envelope, EnvelopeError, Framing};

/// A form being read.
#[derive(Debug)]
pub(crate) struct Form {
    scanner: Scanner,
    model: Option<Field>,
    framing: Option<Framing>,
}

impl Form {
    /// Begins with a form of this content type.
    ///
    /// # Errors
    /// It has no boundary.
    pub(super) fn new(content_type: &str) -> Result<Self, EnvelopeError> {
        let scanner = Scanner::new(content_type, &["model", "stream"]).map_err(|_| EnvelopeError::NoForm)?;
        Ok(Self { scanner, model: None, framing: None })
    }

    /// Takes what came next.
    ///
    /// # Errors
    /// It cannot be routed, or not in one way only, whatever follows.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), EnvelopeError> {
        let mut found = Vec::new();
        self.scanner.push(bytes, &mut found).map_err(|_| EnvelopeError::NoForm)?;
        found.into_iter().try_for_each(|field| self.take(field))
    }

    /// The body has ended.
    ///
    /// # Errors
    /// The form has not, or it names no model.
    pub(crate) fn end(&self) -> Result<(), EnvelopeError> {
        match &self.model {
            _ if !self.scanner.is_done() => Err(EnvelopeError::NoForm),
            None => Err(EnvelopeError::NoModel),
            Some(_) => Ok(()),
        }
    }

    /// The facts of the request as far as they are known; `None` until the model is.
    pub(crate) fn envelope(&self) -> Option<Envelope> {
        let model = self.model.as_ref()?;
        Some(Envelope {
            model: model.value.trim().to_owned(),
            mentions: vec![Mention { place: model.place.clone(), spelling: Spelling::Plain }],
            framing: self.framing.unwrap_or_default(),
            // Only images are asked for so, and making one twice costs twice (spec §5).
            stateful: true,
            ..Envelope::default()
        })
    }

    /// Whether the answer is to be streamed, as far as is known.
    pub(crate) fn asks_stream(&self) -> bool {
        self.framing == Some(Framing::Events)
    }

    fn take(&mut self, field: Field) -> Result<(), EnvelopeError> {
        let name = field.name;
        let twice = if name == "model" {
            if field.value.trim().is_empty() || field.value.contains(char::REPLACEMENT_CHARACTER) {
                return Err(EnvelopeError::ModelType);
            }
            if field.value.len() > MAX_MODEL {
                return Err(EnvelopeError::ModelTooLong);
            }
            self.model.replace(field).is_some()
        } else {
            let framing = match field.value.trim() {
                "true" => Framing::Events,
                "false" | "" => Framing::Whole,
                _ => return Err(EnvelopeError::StreamType),
            };
            self.framing.replace(framing).is_some()
        };
        if twice { Err(EnvelopeError::Duplicate(name)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(fields: &[(&str, &str)]) -> Result<Envelope, EnvelopeError> {
        let part = |(name, value): &(&str, &str)| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let mut form = Form::new("multipart/form-data; boundary=b").unwrap();
        form.push(fields.iter().map(part).collect::<String>().as_bytes())?;
        form.push(b"--b--\r\n")?;
        form.end()?;
        Ok(form.envelope().unwrap())
    }

    #[test]
    fn the_model_of_a_form_is_one_of_its_fields() {
        let envelope = form(&[("prompt", "model"), ("model", "gpt-image-1"), ("stream", "true")]).unwrap();
        assert_eq!((envelope.model.as_str(), envelope.is_stream(), envelope.stateful), ("gpt-image-1", true, true));
        assert_eq!(form(&[("prompt", "x")]).unwrap_err(), EnvelopeError::NoModel);
        assert_eq!(form(&[("model", " ")]).unwrap_err(), EnvelopeError::ModelType);
        assert_eq!(form(&[("model", &"x".repeat(257))]).unwrap_err(), EnvelopeError::ModelTooLong);
        assert_eq!(form(&[("model", "a"), ("model", "a")]).unwrap_err(), EnvelopeError::Duplicate("model"));
        assert_eq!(form(&[("model", "a"), ("stream", "1")]).unwrap_err(), EnvelopeError::StreamType);
    }

    #[test]
    fn a_model_is_known_once_its_field_has_ended() {
        let mut form = Form::new("multipart/form-data; boundary=b").unwrap();
        form.push(b"--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ngpt-5").unwrap();
        form.push(b"\r\n--").unwrap();
        assert!(form.envelope().is_none());
        form.push(b"b\r\n").unwrap();
        assert_eq!(form.envelope().unwrap().model, "gpt-5");
        assert_eq!(form.end(), Err(EnvelopeError::NoForm));
    }
}
