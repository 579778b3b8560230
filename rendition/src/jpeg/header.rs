//! What is known of a JPEG before any pixel is decoded: size, coding, components, colour, and where
//! the metadata is. Its own file because limits are checked on it before anything large is
//! allocated, and because it must stay cheap: it reads markers only and never entropy-coded data.

use super::segments::{
    APP0, APP1, APP2, APP14, DAC, DHT, DQT, DRI, EOI, JPG, SOS, Segment, Segments,
};
use super::{Colour, JpegError};
use std::ops::Range;

/// How the coefficients are coded (T.81 section 4.11); both are Huffman coded with 8-bit samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Baseline and extended sequential.
    Sequential,
    /// Progressive: the picture comes in scans of growing precision.
    Progressive,
}

/// One colour component as the frame header declares it (T.81 section B.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Component {
    /// The identifier by which scans refer to it.
    pub id: u8,
    /// Horizontal sampling factor, 1 to 4.
    pub horizontal: u8,
    /// Vertical sampling factor, 1 to 4.
    pub vertical: u8,
    /// Which of the four quantisation tables it uses.
    pub quant_table: u8,
}

/// A chunk of the ICC profile, as APP2 segments carry it (ICC.1, Annex B.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IccChunk {
    /// Its number among the chunks, from 1.
    pub number: u8,
    /// How many chunks there are, according to this one.
    pub count: u8,
    /// The range of the chunk's profile bytes in the file.
    pub range: Range<usize>,
}

/// The information in the markers before the first scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Width in pixels, at least 1.
    pub width: u32,
    /// Height in pixels, at least 1.
    pub height: u32,
    /// How the picture is coded.
    pub coding: Coding,
    /// One, three or four components.
    pub components: Vec<Component>,
    /// What the components mean.
    pub colour: Colour,
    /// The transform byte of the Adobe segment, if there is one.
    pub adobe_transform: Option<u8>,
    /// MCUs between restart markers in the first scan; 0 means none.
    pub restart_interval: u16,
    /// The range of the EXIF data: a TIFF file, without the `Exif\0\0` before it.
    pub exif: Option<Range<usize>>,
    /// The chunks of the ICC profile, in file order.
    pub icc: Vec<IccChunk>,
}

impl Header {
    /// Reads the markers up to the first scan.
    ///
    /// # Errors
    /// When the bytes are no JPEG, end too early, contradict the standard, or are of a kind that
    /// [`super::decode`] does not support.
    pub fn parse(bytes: &[u8]) -> Result<Self, JpegError> {
        let mut segments = Segments::new(bytes)?;
        let mut found = Found::default();
        loop {
            let segment = segments.next()?;
            match segment.marker {
                SOS => return found.into_header(),
                EOI => return Err(JpegError::Corrupt("no scan")),
                _ => found.note(&segment, segments.bytes_of(&segment))?,
            }
        }
    }

    /// The assembled ICC profile, if the file has a complete one.
    #[must_use]
    pub fn icc_profile(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let count = self.icc.first()?.count;
        let mut profile = Vec::new();
        for number in 1..=count {
            let chunk = self.icc.iter().find(|chunk| chunk.number == number)?;
            profile.extend_from_slice(bytes.get(chunk.range.clone())?);
        }
        Some(profile)
    }

    /// The largest sampling factors, horizontal and vertical, among the components.
    pub(super) fn largest_sampling(&self) -> (u32, u32) {
        let horizontal = self.components.iter().map(|c| c.horizontal).max();
        let vertical = self.components.iter().map(|c| c.vertical).max();
        (horizontal.unwrap_or(1).into(), vertical.unwrap_or(1).into())
    }
}

/// What has been found so far.
#[derive(Default)]
struct Found {
    frame: Option<Frame>,
    jfif: bool,
    adobe_transform: Option<u8>,
    restart_interval: u16,
    exif: Option<Range<usize>>,
    icc: Vec<IccChunk>,
}

struct Frame {
    width: u32,
    height: u32,
    coding: Coding,
    components: Vec<Component>,
}

impl Found {
    fn note(&mut self, segment: &Segment, payload: &[u8]) -> Result<(), JpegError> {
        match segment.marker {
            DHT | DQT | JPG => {}
            DAC => return Err(JpegError::Unsupported("arithmetic coding")),
            0xC0..=0xCF => {
                if self.frame.is_some() {
                    return Err(JpegError::Corrupt("more than one frame header"));
                }
                self.frame = Some(Frame::parse(segment.marker, payload)?);
            }
            DRI => self.restart_interval = restart_interval(payload)?,
            APP0 if payload.starts_with(b"JFIF\0") => self.jfif = true,
            APP1 => self.note_exif(segment, payload),
            APP2 => self.note_icc(segment, payload),
            // "Adobe", version, two flag words, transform: Adobe Technical Note 5116.
            APP14 if payload.starts_with(b"Adobe") => {
                self.adobe_transform = payload.get(11).copied().or(self.adobe_transform);
            }
            _ => {}
        }
        Ok(())
    }

    fn note_exif(&mut self, segment: &Segment, payload: &[u8]) {
        const PREFIX: &[u8] = b"Exif\0";
        // The sixth byte is padding, which some writers do not set to zero.
        if self.exif.is_none() && payload.len() > 6 && payload.starts_with(PREFIX) {
            self.exif = Some(segment.payload.start + 6..segment.payload.end);
        }
    }

    fn note_icc(&mut self, segment: &Segment, payload: &[u8]) {
        const PREFIX: &[u8] = b"ICC_PROFILE\0";
        // At most 255 chunks can be numbered; more would only waste memory.
        if self.icc.len() < 255 && payload.len() >= 14 && payload.starts_with(PREFIX) {
            self.icc.push(IccChunk {
                number: payload[12],
                count: payload[13],
                range: segment.payload.start + 14..segment.payload.end,
            });
        }
    }

    fn into_header(self) -> Result<Header, JpegError> {
        let colour = self.colour()?;
        let frame = self
            .frame
            .ok_or(JpegError::Corrupt("a scan before the frame header"))?;
        Ok(Header {
            width: frame.width,
            height: frame.height,
            coding: frame.coding,
            components: frame.components,
            colour,
            adobe_transform: self.adobe_transform,
            restart_interval: self.restart_interval,
            exif: self.exif,
            icc: self.icc,
        })
    }

    /// No marker states the colour model directly. JFIF means YCbCr, then the Adobe transform
    /// decides, then the component identifiers, in the order in which common decoders check them.
    fn colour(&self) -> Result<Colour, JpegError> {
        let components = self
            .frame
            .as_ref()
            .map_or(&[][..], |frame| &frame.components);
        let ids: Vec<u8> = components.iter().map(|component| component.id).collect();
        // Adobe's products store inverted ink amounts and always write their marker.
        let inverted = self.adobe_transform.is_some();
        match (components.len(), self.adobe_transform) {
            (0, _) => Err(JpegError::Corrupt("a scan before the frame header")),
            (1, _) => Ok(Colour::Grey),
            (3, _) if self.jfif => Ok(Colour::YCbCr),
            (3, Some(0)) => Ok(Colour::Rgb),
            (3, None) if ids == *b"RGB" => Ok(Colour::Rgb),
            (3, _) => Ok(Colour::YCbCr),
            (4, Some(2)) => Ok(Colour::Ycck { inverted }),
            (4, _) => Ok(Colour::Cmyk { inverted }),
            _ => Err(JpegError::Unsupported(
                "a number of components other than 1, 3 or 4",
            )),
        }
    }
}

impl Frame {
    fn parse(marker: u8, payload: &[u8]) -> Result<Self, JpegError> {
        let coding = match marker {
            0xC0 | 0xC1 => Coding::Sequential,
            0xC2 => Coding::Progressive,
            0xC3 => return Err(JpegError::Unsupported("lossless coding")),
            0xC5..=0xC7 => return Err(JpegError::Unsupported("hierarchical coding")),
            _ => return Err(JpegError::Unsupported("arithmetic coding")),
        };
        let &[precision, h1, h0, w1, w0, count, ref rest @ ..] = payload else {
            return Err(JpegError::Corrupt("a frame header that is too short"));
        };
        if precision != 8 {
            return Err(JpegError::Unsupported("samples of other than 8 bits"));
        }
        let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
        if width == 0 {
            return Err(JpegError::Corrupt("a width of zero"));
        }
        if height == 0 {
            return Err(JpegError::Unsupported(
                "a height given only after the first scan",
            ));
        }
        let components = parse_components(usize::from(count), rest)?;
        Ok(Self {
            width: width.into(),
            height: height.into(),
            coding,
            components,
        })
    }
}

fn parse_components(count: usize, bytes: &[u8]) -> Result<Vec<Component>, JpegError> {
    if ![1, 3, 4].contains(&count) {
        return Err(JpegError::Unsupported(
            "a number of components other than 1, 3 or 4",
        ));
    }
    if bytes.len() < count * 3 {
        return Err(JpegError::Corrupt("a frame header that is too short"));
    }
    let mut components = Vec::with_capacity(count);
    for entry in bytes.chunks_exact(3).take(count) {
        let (id, horizontal, vertical, quant_table) =
            (entry[0], entry[1] >> 4, entry[1] & 15, entry[2]);
        if !(1..=4).contains(&horizontal) || !(1..=4).contains(&vertical) || quant_table > 3 {
            return Err(JpegError::Corrupt("an impossible component"));
        }
        if components.iter().any(|other: &Component| other.id == id) {
            return Err(JpegError::Corrupt("two components with one identifier"));
        }
        components.push(Component {
            id,
            horizontal,
            vertical,
            quant_table,
        });
    }
    Ok(components)
}

/// Reads a DRI segment (T.81 section B.2.4.4).
pub(super) fn restart_interval(payload: &[u8]) -> Result<u16, JpegError> {
    match payload {
        &[high, low, ..] => Ok(u16::from_be_bytes([high, low])),
        _ => Err(JpegError::Corrupt("a restart interval that is too short")),
    }
}
