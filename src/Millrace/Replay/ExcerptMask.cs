using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Millrace;

/// <summary>
/// Replaces the values of named members, wherever they stand in rows, commands and events: the same value always by the same one, so that what was equal
/// stays equal. What kind of value it is stays: text, a number, a date.
/// </summary>
internal sealed class ExcerptMask(IEnumerable<string> members, string secret)
{
    private readonly HashSet<string> _members = [.. members.Select(Plain)];
    private readonly byte[] _secret = SHA256.HashData(Encoding.UTF8.GetBytes(secret));

    /// <summary>A value with its members masked; the same bytes where none is named.</summary>
    public ReadOnlyMemory<byte> Apply(ReadOnlyMemory<byte> value)
    {
        if (_members.Count == 0 || value.IsEmpty)
        {
            return value;
        }
        using var document = JsonDocument.Parse(value);
        var masked = new ArrayBufferWriter<byte>(value.Length);
        using (
            var writer = new Utf8JsonWriter(
                masked,
                new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }
            )
        )
        {
            if (!Write(writer, document.RootElement, false))
            {
                return value;
            }
        }
        return masked.WrittenMemory;
    }

    private bool Write(Utf8JsonWriter writer, JsonElement value, bool masked)
    {
        var changed = false;
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var member in value.EnumerateObject())
                {
                    writer.WritePropertyName(member.Name);
                    changed |= Write(writer, member.Value, masked || _members.Contains(Plain(member.Name)));
                }
                writer.WriteEndObject();
                return changed;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in value.EnumerateArray())
                {
                    changed |= Write(writer, item, masked);
                }
                writer.WriteEndArray();
                return changed;
            case JsonValueKind.String when masked:
                writer.WriteStringValue(Text(value.GetString()!));
                return true;
            case JsonValueKind.Number when masked:
                writer.WriteNumberValue(Hash(value.GetRawText()) % 1_000_000);
                return true;
            default:
                writer.WriteRawValue(value.GetRawText());
                return false;
        }
    }

    private string Text(string text) =>
        IsDate(text)
            ? string.Concat(text.AsSpan(0, 4), "-01-01", string.Concat(text.Skip(10).Select(c => char.IsDigit(c) ? '0' : c)))
            : $"masked-{Hash(text) % 0x1_0000_0000:x8}";

    private static bool IsDate(string text) =>
        text.Length >= 10 && text[4] == '-' && text[7] == '-' && text.AsSpan(0, 4).IndexOfAnyExceptInRange('0', '9') < 0;

    private ulong Hash(string text) => BitConverter.ToUInt64(HMACSHA256.HashData(_secret, Encoding.UTF8.GetBytes(text)));

    // A column opened_by is the member openedBy of an event.
    private static string Plain(string name) => name.Replace("_", "", StringComparison.Ordinal).ToUpperInvariant();
}
