using System.Numerics;

namespace Millrace.MySql.Rows;

/// <summary>What a rows event did to its rows.</summary>
public enum RowOperation
{
    /// <summary>The rows are new: they have an after image.</summary>
    Insert,

    /// <summary>The rows changed: they have both images.</summary>
    Update,

    /// <summary>The rows are gone: they have a before image.</summary>
    Delete,
}

/// <summary>A rows event of a kind that is not decoded.</summary>
public sealed class UnsupportedRowsException : CapturedRowException
{
    /// <summary>Creates the exception.</summary>
    public UnsupportedRowsException(string table, int eventType, string reason)
        : base(table, null, $"A rows event of type {eventType} for {table} is not decoded: {reason}") { }
}

/// <summary>Goes through the rows of one rows event.</summary>
/// <remarks>
/// A column that an image does not have (<c>binlog_row_image</c> MINIMAL or NOBLOB) is absent from its JSON, but an after image takes from its
/// before image what it leaves out: in an update, left out means unchanged.
/// </remarks>
public ref struct RowsReader
{
    readonly RowDecoder _decoder;
    readonly ReadOnlySpan<byte> _first;
    readonly ReadOnlySpan<byte> _second;
    readonly int _firstCount;
    readonly int _secondCount;
    WireReader _reader;

    internal RowsReader(RowDecoder decoder, byte eventType, ReadOnlySpan<byte> body)
    {
        _decoder = decoder;
        Operation = eventType switch
        {
            23 or 30 or 166 => RowOperation.Insert,
            24 or 31 or 167 => RowOperation.Update,
            25 or 32 or 168 => RowOperation.Delete,
            39 => throw new UnsupportedRowsException(
                decoder.TableName,
                eventType,
                "partial JSON updates need the server's JSON functions. SET GLOBAL binlog_row_value_options='' and let the sessions reconnect."
            ),
            _ => throw new UnsupportedRowsException(decoder.TableName, eventType, "it is none of the row formats since MySQL 5.1.16."),
        };
        _reader = new(body);
        try
        {
            var id = _reader.UInt48();
            if (id != decoder.Map.Id)
                throw new MalformedRowsException(
                    decoder.TableName,
                    null,
                    $"A rows event for table id {id} was given to the decoder of {decoder.TableName}, whose id is {decoder.Map.Id}."
                );
            _reader.UInt16(); // flags: the end of a statement is nothing to a row
            if (eventType is >= 30 and <= 32)
                _reader.Take(_reader.UInt16() - 2); // extra data: partition, or NDB's
            var width = _reader.Length();
            if (width != decoder.Map.ColumnCount)
                throw new SchemaMismatchException(
                    decoder.TableName,
                    null,
                    $"A rows event of {decoder.TableName} has {width} columns and its TABLE_MAP {decoder.Map.ColumnCount}. Read from the TABLE_MAP again."
                );
            _first = _reader.Take((width + 7) / 8);
            _firstCount = Count(_first, width);
            if (Operation == RowOperation.Update)
            {
                _second = _reader.Take((width + 7) / 8);
                _secondCount = Count(_second, width);
            }
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new MalformedRowsException(decoder.TableName, null, $"A rows event of {decoder.TableName} ends early.", e);
        }
    }

    /// <summary>What happened to the rows.</summary>
    public RowOperation Operation { get; }

    /// <summary>The row before; empty for an insert. Valid until the next <see cref="MoveNext"/>.</summary>
    public readonly DecodedRow Before => Operation == RowOperation.Insert ? default : _decoder.Row(after: false);

    /// <summary>The row after; empty for a deletion. Valid until the next <see cref="MoveNext"/>.</summary>
    public readonly DecodedRow After => Operation == RowOperation.Delete ? default : _decoder.Row(after: true);

    /// <summary>Decodes the next row.</summary>
    /// <returns>False at the end of the event.</returns>
    /// <exception cref="MalformedRowsException">The bytes do not decode.</exception>
    /// <exception cref="SchemaMismatchException">An ENUM or SET has a member that is not known.</exception>
    public bool MoveNext()
    {
        if (_reader.Remaining == 0)
            return false;
        if (Operation == RowOperation.Insert)
            return _decoder.ReadImage(ref _reader, _first, _firstCount, after: true, unchangedFromBefore: false);
        _decoder.ReadImage(ref _reader, _first, _firstCount, after: false, unchangedFromBefore: false);
        return Operation == RowOperation.Delete
            || _decoder.ReadImage(ref _reader, _second, _secondCount, after: true, unchangedFromBefore: true);
    }

    static int Count(ReadOnlySpan<byte> bits, int width)
    {
        var count = 0;
        for (var i = 0; i < bits.Length; i++)
        {
            var valid = i == bits.Length - 1 && (width & 7) != 0 ? (1 << (width & 7)) - 1 : 0xFF;
            count += BitOperations.PopCount((uint)(bits[i] & valid));
        }
        return count;
    }
}
