using System.Buffers;
using System.Buffers.Binary;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;

namespace Millrace;

/// <summary>One writer for each type that has an order in bytes. Called once a type; the writers themselves use no reflection.</summary>
internal static class SortableWriters
{
    private static readonly Dictionary<Type, Delegate> Simple = new Delegate[]
    {
        Of<bool>((value, to) => Byte(value ? (byte)1 : (byte)0, to)),
        Of<byte>(Byte),
        Of<sbyte>((value, to) => Byte((byte)(value ^ sbyte.MinValue), to)),
        Of<short>((value, to) => UInt16((ushort)(value ^ short.MinValue), to)),
        Of<ushort>(UInt16),
        Of<char>((value, to) => UInt16(value, to)),
        Of<int>((value, to) => UInt32((uint)(value ^ int.MinValue), to)),
        Of<uint>(UInt32),
        Of<long>(Int64),
        Of<ulong>(UInt64),
        Of<Int128>((value, to) => UInt128((UInt128)(value ^ System.Int128.MinValue), to)),
        Of<UInt128>(UInt128),
        Of<float>((value, to) => UInt32(Ordered(value), to)),
        Of<double>((value, to) => UInt64(Ordered(value), to)),
        Of<decimal>(SortableDecimal.Write),
        Of<DateTimeOffset>((value, to) => Int64(value.UtcTicks, to)),
        Of<DateTime>((value, to) => Int64(value.Ticks, to)),
        Of<DateOnly>((value, to) => UInt32((uint)value.DayNumber, to)),
        Of<TimeOnly>((value, to) => Int64(value.Ticks, to)),
        Of<TimeSpan>((value, to) => Int64(value.Ticks, to)),
        Of<Guid>(WriteGuid),
        Of<string?>(Text),
        Of<EntityId>((value, to) => Text(value.Value, to)),
    }.ToDictionary(writer => writer.GetType().GetGenericArguments()[0]);

    /// <summary>The writer of a type, or null where it has no order in bytes.</summary>
    public static Delegate? For(Type type)
    {
        if (Simple.TryGetValue(type, out var writer))
        {
            return writer;
        }
        if (type.IsEnum)
        {
            return Make(nameof(Enumeration), type, type.GetEnumUnderlyingType());
        }
        if (Nullable.GetUnderlyingType(type) is { } underlying)
        {
            return For(underlying) is null ? null : Make(nameof(Optional), underlying);
        }
        if (!type.IsGenericType || !typeof(ITuple).IsAssignableFrom(type) || !type.IsValueType)
        {
            return null;
        }
        var items = type.GetGenericArguments();
        return items.Length > 7 || items.Any(item => For(item) is null) ? null : Make($"Tuple{items.Length}", items);
    }

    private static Delegate Make(string method, params Type[] types) =>
        (Delegate)
            typeof(SortableWriters)
                .GetMethod(method, BindingFlags.NonPublic | BindingFlags.Static)!
                .MakeGenericMethod(types)
                .Invoke(null, null)!;

    private static SortableWriter<T> Of<T>(SortableWriter<T> writer) => writer;

    private static SortableWriter<T> Writer<T>() => (SortableWriter<T>)For(typeof(T))!;

    private static SortableWriter<TEnum> Enumeration<TEnum, TNumber>()
        where TEnum : struct, Enum
        where TNumber : struct
    {
        var number = Writer<TNumber>();
        return (value, to) => number(Unsafe.BitCast<TEnum, TNumber>(value), to);
    }

    private static SortableWriter<T?> Optional<T>()
        where T : struct
    {
        var present = Writer<T>();
        return (value, to) =>
        {
            Byte(value.HasValue ? (byte)1 : (byte)0, to);
            if (value is { } some)
            {
                present(some, to);
            }
        };
    }

    private static SortableWriter<ValueTuple<T1>> Tuple1<T1>()
    {
        var first = Writer<T1>();
        return (value, to) => first(value.Item1, to);
    }

    private static SortableWriter<(T1, T2)> Tuple2<T1, T2>()
    {
        var (w1, w2) = (Writer<T1>(), Writer<T2>());
        return (value, to) =>
        {
            w1(value.Item1, to);
            w2(value.Item2, to);
        };
    }

    private static SortableWriter<(T1, T2, T3)> Tuple3<T1, T2, T3>()
    {
        var (head, w3) = (Writer<(T1, T2)>(), Writer<T3>());
        return (value, to) =>
        {
            head((value.Item1, value.Item2), to);
            w3(value.Item3, to);
        };
    }

    private static SortableWriter<(T1, T2, T3, T4)> Tuple4<T1, T2, T3, T4>()
    {
        var (head, tail) = (Writer<(T1, T2)>(), Writer<(T3, T4)>());
        return (value, to) =>
        {
            head((value.Item1, value.Item2), to);
            tail((value.Item3, value.Item4), to);
        };
    }

    private static SortableWriter<(T1, T2, T3, T4, T5)> Tuple5<T1, T2, T3, T4, T5>()
    {
        var (head, tail) = (Writer<(T1, T2, T3, T4)>(), Writer<T5>());
        return (value, to) =>
        {
            head((value.Item1, value.Item2, value.Item3, value.Item4), to);
            tail(value.Item5, to);
        };
    }

    private static SortableWriter<(T1, T2, T3, T4, T5, T6)> Tuple6<T1, T2, T3, T4, T5, T6>()
    {
        var (head, tail) = (Writer<(T1, T2, T3, T4)>(), Writer<(T5, T6)>());
        return (value, to) =>
        {
            head((value.Item1, value.Item2, value.Item3, value.Item4), to);
            tail((value.Item5, value.Item6), to);
        };
    }

    private static SortableWriter<(T1, T2, T3, T4, T5, T6, T7)> Tuple7<T1, T2, T3, T4, T5, T6, T7>()
    {
        var (head, tail) = (Writer<(T1, T2, T3, T4)>(), Writer<(T5, T6, T7)>());
        return (value, to) =>
        {
            head((value.Item1, value.Item2, value.Item3, value.Item4), to);
            tail((value.Item5, value.Item6, value.Item7), to);
        };
    }

    private static void Byte(byte value, IBufferWriter<byte> to)
    {
        to.GetSpan(1)[0] = value;
        to.Advance(1);
    }

    private static void UInt16(ushort value, IBufferWriter<byte> to)
    {
        BinaryPrimitives.WriteUInt16BigEndian(to.GetSpan(2), value);
        to.Advance(2);
    }

    private static void UInt32(uint value, IBufferWriter<byte> to)
    {
        BinaryPrimitives.WriteUInt32BigEndian(to.GetSpan(4), value);
        to.Advance(4);
    }

    private static void UInt64(ulong value, IBufferWriter<byte> to)
    {
        BinaryPrimitives.WriteUInt64BigEndian(to.GetSpan(8), value);
        to.Advance(8);
    }

    private static void Int64(long value, IBufferWriter<byte> to) => UInt64((ulong)(value ^ long.MinValue), to);

    private static void UInt128(UInt128 value, IBufferWriter<byte> to)
    {
        BinaryPrimitives.WriteUInt128BigEndian(to.GetSpan(16), value);
        to.Advance(16);
    }

    // IEEE 754 sorts as its bits do once negative numbers are turned around. -0 equals 0, and NaN comes first, as in .NET's comparison.
    private static uint Ordered(float value)
    {
        var bits = BitConverter.SingleToInt32Bits(
            value == 0 ? 0
            : float.IsNaN(value) ? float.NaN
            : value
        );
        return (uint)(bits < 0 ? ~bits : bits ^ int.MinValue);
    }

    private static ulong Ordered(double value)
    {
        var bits = BitConverter.DoubleToInt64Bits(
            value == 0 ? 0
            : double.IsNaN(value) ? double.NaN
            : value
        );
        return (ulong)(bits < 0 ? ~bits : bits ^ long.MinValue);
    }

    private static void WriteGuid(Guid value, IBufferWriter<byte> to)
    {
        value.TryWriteBytes(to.GetSpan(16), bigEndian: true, out var written);
        to.Advance(written);
    }

    private static void Text(string? value, IBufferWriter<byte> to)
    {
        Byte(value is null ? (byte)0 : (byte)1, to);
        if (value is null)
        {
            return;
        }
        var room = Encoding.UTF8.GetMaxByteCount(value.Length);
        if (room <= 512)
        {
            Span<byte> utf8 = stackalloc byte[512];
            SortableKey.WriteText(utf8[..Encoding.UTF8.GetBytes(value, utf8)], to);
            return;
        }
        var rented = ArrayPool<byte>.Shared.Rent(room);
        SortableKey.WriteText(rented.AsSpan(0, Encoding.UTF8.GetBytes(value, rented)), to);
        ArrayPool<byte>.Shared.Return(rented);
    }
}
