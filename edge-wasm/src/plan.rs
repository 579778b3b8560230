//! The response, decided before any pixel, as the origin's `GET /images/{publicID}` decides it.

use std::fmt;

use photolog_rendition::{
    MasterInfo, RenditionSpec, RequestedSize, etag, if_none_match, negotiate,
};

/// The request, and what is known of the picture.
pub(crate) struct Question<'a> {
    pub(crate) digest: &'a str,
    pub(crate) master: MasterInfo,
    pub(crate) size: Option<&'a str>,
    pub(crate) accept: Option<&'a str>,
    pub(crate) if_none_match: Option<&'a str>,
}

/// The response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    BadSize,
    NotAcceptable,
    Unchanged(RenditionSpec, String),
    Show(RenditionSpec, String),
}

pub(crate) fn plan(question: &Question<'_>) -> Plan {
    let size = match question.size.map(RequestedSize::parse) {
        None => RequestedSize::default(),
        Some(Ok(size)) => size,
        Some(Err(_)) => return Plan::BadSize,
    };
    let Some(media_type) = negotiate(question.accept, &question.master) else {
        return Plan::NotAcceptable;
    };
    let spec = RenditionSpec {
        dimensions: size.effective(question.master.dimensions),
        media_type,
    };
    let etag = etag(question.digest, &spec);
    let unchanged = question
        .if_none_match
        .is_some_and(|known| if_none_match(known, &etag));
    if unchanged {
        Plan::Unchanged(spec, etag)
    } else {
        Plan::Show(spec, etag)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (status, spec, etag) = match self {
            Self::BadSize => return formatter.write_str("400"),
            Self::NotAcceptable => return formatter.write_str("406"),
            Self::Unchanged(spec, etag) => (304, spec, etag),
            Self::Show(spec, etag) => (200, spec, etag),
        };
        let RenditionSpec {
            dimensions,
            media_type,
        } = spec;
        write!(
            formatter,
            "{status} {} {} {media_type} {} {etag}",
            dimensions.width,
            dimensions.height,
            media_type.extension()
        )
    }
}

#[cfg(test)]
mod tests {
    use photolog_rendition::{Dimensions, MediaType};

    use super::*;

    fn ask(size: Option<&str>, accept: Option<&str>, if_none_match: Option<&str>) -> String {
        let question = Question {
            digest: "ab",
            master: MasterInfo {
                media_type: MediaType::Jpeg,
                dimensions: Dimensions {
                    width: 2048,
                    height: 1024,
                },
                has_alpha: false,
            },
            size,
            accept,
            if_none_match,
        };
        plan(&question).to_string()
    }

    #[test]
    fn every_answer_is_one_line_of_words() {
        let shown = "200 400 200 image/jpeg jpg \"ab-400x200-jpg-v2\"";
        assert_eq!(ask(None, None, None), shown);
        assert_eq!(ask(Some("400x0"), Some("*/*"), Some("\"x\"")), shown);
        assert_eq!(
            ask(None, Some("image/png"), Some("*")),
            "304 400 200 image/png png \"ab-400x200-png-v2\""
        );
        assert_eq!(ask(Some("400"), None, None), "400");
        assert_eq!(ask(None, Some("text/html"), None), "406");
    }
}
