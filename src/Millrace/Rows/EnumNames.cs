using System.Buffers.Text;
using System.Runtime.CompilerServices;
using System.Text;

namespace Millrace;

/// <summary>An enum's members by name, looked up once a process.</summary>
internal static class EnumNames<T>
    where T : unmanaged, Enum
{
    private static readonly (byte[] Name, T Value)[] Members =
    [
        .. Enum.GetNames<T>().Select(name => (Encoding.UTF8.GetBytes(name), Enum.Parse<T>(name))),
    ];

    public static T? FromText(string? text) => FromText(Encoding.UTF8.GetBytes(text ?? ""));

    public static T? FromText(ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty)
        {
            return Number(default) == 0 && Members.Any(member => Number(member.Value) == 0) ? default(T) : null;
        }
        foreach (var (name, value) in Members)
        {
            if (Same(name, text))
            {
                return value;
            }
        }
        if (!text.Contains((byte)','))
        {
            return null;
        }
        // A SET column: its members with commas between.
        var bits = 0L;
        foreach (var part in text.Split((byte)','))
        {
            if (text[part].Contains((byte)',') || text[part].IsEmpty || FromText(text[part]) is not { } member)
            {
                return null;
            }
            bits |= Number(member);
        }
        return Value(bits);
    }

    public static T? FromNumber(ReadOnlySpan<byte> text) =>
        Utf8Parser.TryParse(text, out long number, out var used) && used == text.Length && Number(Value(number)) == number
            ? Value(number)
            : null;

    /// <summary>A member's name, or null for a value that has none.</summary>
    public static ReadOnlySpan<byte> Name(T value)
    {
        foreach (var (name, member) in Members)
        {
            if (EqualityComparer<T>.Default.Equals(member, value))
            {
                return name;
            }
        }
        return default;
    }

    public static long Number(T value) =>
        Unsafe.SizeOf<T>() switch
        {
            1 => Signed ? Unsafe.BitCast<T, sbyte>(value) : Unsafe.BitCast<T, byte>(value),
            2 => Signed ? Unsafe.BitCast<T, short>(value) : Unsafe.BitCast<T, ushort>(value),
            4 => Signed ? Unsafe.BitCast<T, int>(value) : Unsafe.BitCast<T, uint>(value),
            _ => Unsafe.BitCast<T, long>(value),
        };

    private static bool Signed { get; } =
        Type.GetTypeCode(typeof(T)) is TypeCode.SByte or TypeCode.Int16 or TypeCode.Int32 or TypeCode.Int64;

    private static T Value(long number) =>
        Unsafe.SizeOf<T>() switch
        {
            1 => Unsafe.BitCast<byte, T>(unchecked((byte)number)),
            2 => Unsafe.BitCast<ushort, T>(unchecked((ushort)number)),
            4 => Unsafe.BitCast<uint, T>(unchecked((uint)number)),
            _ => Unsafe.BitCast<long, T>(number),
        };

    // Case and the separators that a database's words have and C#'s have not (in_progress, in-progress) do not matter.
    private static bool Same(ReadOnlySpan<byte> name, ReadOnlySpan<byte> text)
    {
        var i = 0;
        foreach (var c in text)
        {
            if (c is (byte)'_' or (byte)'-' or (byte)' ')
            {
                continue;
            }
            while (i < name.Length && name[i] == '_')
            {
                i++;
            }
            if (i == name.Length || Lower(name[i++]) != Lower(c))
            {
                return false;
            }
        }
        return i == name.Length;
    }

    private static byte Lower(byte c) => c is >= (byte)'A' and <= (byte)'Z' ? (byte)(c | 0x20) : c;
}
