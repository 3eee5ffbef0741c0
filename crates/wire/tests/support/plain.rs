//! The layout of PROTOCOL.md written out by hand: sizes, offsets, padding. It shares no code with the crate.

/// What a field holds.
#[derive(Clone, Debug)]
pub enum Value {
    /// An integer of so many bytes, little-endian.
    Number(u64, usize),
    /// A `client_msg_id`.
    Id([u8; 16]),
    /// Its bytes lie before the struct.
    Bytes(Vec<u8>),
    /// Its structs lie before the struct. All are of one shape.
    List(Vec<Value>),
    /// Fields in order.
    Struct(Vec<(&'static str, Value)>),
}

/// A run of bytes and what it means.
#[derive(Clone, Debug)]
pub struct Part {
    pub bytes: Vec<u8>,
    pub meaning: String,
}

impl Value {
    pub fn align(&self) -> usize {
        match self {
            Self::Number(_, size) => *size,
            Self::Id(_) => 1,
            Self::Bytes(_) | Self::List(_) => 4,
            Self::Struct(fields) => fields.iter().map(|(_, value)| value.align()).max().unwrap(),
        }
    }

    pub fn size(&self) -> usize {
        match self {
            Self::Number(_, size) => *size,
            Self::Id(_) => 16,
            Self::Bytes(_) | Self::List(_) => 8,
            Self::Struct(fields) => {
                let (_, last) = fields.last().unwrap();
                let end = self.offsets().last().unwrap() + last.size();
                end.next_multiple_of(self.align())
            }
        }
    }

    /// Where each field of a struct begins.
    pub fn offsets(&self) -> Vec<usize> {
        let Self::Struct(fields) = self else { panic!("only a struct has fields") };
        let mut end = 0_usize;
        let mut place = |value: &Self| {
            let start = end.next_multiple_of(value.align());
            end = start + value.size();
            start
        };
        fields.iter().map(|(_, value)| place(value)).collect()
    }
}

/// The payload of a frame: data, padding, the struct, its kind.
pub fn payload(frame: &Value, kind: u8) -> Vec<Part> {
    let mut writer = Writer::default();
    let root =
        Value::Struct(vec![("frame", frame.clone()), ("kind", Value::Number(u64::from(kind), 8))]);
    let mut places = vec![];
    writer.data("", &root, &mut places);
    writer.pad(8);
    writer.value("", &root, &mut places.into_iter());
    writer.parts
}

#[derive(Default)]
struct Writer {
    parts: Vec<Part>,
    length: usize,
}

impl Writer {
    /// Writes what `value` points to; `places` gets the position of each string and list in it, in order.
    fn data(&mut self, name: &str, value: &Value, places: &mut Vec<usize>) {
        match value {
            Value::Number(..) | Value::Id(_) => {}
            Value::Bytes(bytes) => {
                places.push(self.length);
                self.part(bytes.clone(), format!("the bytes of {name}"));
            }
            Value::List(elements) => {
                let mut inner = vec![];
                let named = |index| format!("{name}[{index}]");
                for (index, element) in elements.iter().enumerate() {
                    self.data(&named(index), element, &mut inner);
                }
                if let Some(element) = elements.first() {
                    self.pad(element.align());
                } else {
                    self.pad(8);
                }
                places.push(self.length);
                let mut inner = inner.into_iter();
                for (index, element) in elements.iter().enumerate() {
                    self.value(&named(index), element, &mut inner);
                }
            }
            Value::Struct(fields) => {
                fields
                    .iter()
                    .for_each(|(field, value)| self.data(&join(name, field), value, places));
            }
        }
    }

    /// Writes the fixed part of `value`; `places` says where its strings and lists are.
    fn value(&mut self, name: &str, value: &Value, places: &mut impl Iterator<Item = usize>) {
        match value {
            Value::Number(number, size) => {
                self.part(number.to_le_bytes()[..*size].to_vec(), format!("{name} = {number}"));
            }
            Value::Id(id) => self.part(id.to_vec(), name.to_owned()),
            Value::Bytes(bytes) => self.pointer(name, places.next().unwrap(), bytes.len()),
            Value::List(list) => self.pointer(name, places.next().unwrap(), list.len()),
            Value::Struct(fields) => {
                for (field, value) in fields {
                    self.pad(value.align());
                    self.value(&join(name, field), value, places);
                }
                self.pad(value.align());
            }
        }
    }

    fn pointer(&mut self, name: &str, place: usize, length: usize) {
        let back = self.length - place;
        let offset = i32::try_from(back).unwrap().wrapping_neg();
        self.part(offset.to_le_bytes().to_vec(), format!("{name} lies {back} bytes before this"));
        let length = u32::try_from(length).unwrap();
        self.part(length.to_le_bytes().to_vec(), format!("{name} has length {length}"));
    }

    fn pad(&mut self, align: usize) {
        self.part(vec![0; self.length.next_multiple_of(align) - self.length], "padding".to_owned());
    }

    fn part(&mut self, bytes: Vec<u8>, meaning: String) {
        self.length += bytes.len();
        if !bytes.is_empty() {
            self.parts.push(Part { bytes, meaning });
        }
    }
}

fn join(name: &str, field: &str) -> String {
    match (name, field) {
        ("", "frame") => String::new(),
        ("", _) => field.to_owned(),
        _ => format!("{name}.{field}"),
    }
}
