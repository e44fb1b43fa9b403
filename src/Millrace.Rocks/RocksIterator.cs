using System.Runtime.InteropServices;
using static Millrace.Rocks.Native;

namespace Millrace.Rocks;

/// <summary>A consistent view of one column family, in key order. Spans are valid until it moves.</summary>
internal sealed unsafe class RocksIterator(RocksStore store, nint handle, RangeBounds? bounds = null) : IDisposable
{
    private nint _handle = handle;

    public ReadOnlySpan<byte> Key
    {
        get
        {
            nuint length;
            var pointer = rocksdb_iter_key(_handle, &length);
            return new ReadOnlySpan<byte>(pointer, (int)length);
        }
    }

    public ReadOnlySpan<byte> Value
    {
        get
        {
            nuint length;
            var pointer = rocksdb_iter_value(_handle, &length);
            return new ReadOnlySpan<byte>(pointer, (int)length);
        }
    }

    /// <summary>Goes to the first key that is not below this one.</summary>
    public bool Seek(ReadOnlySpan<byte> key)
    {
        fixed (byte* k = key)
        {
            rocksdb_iter_seek(_handle, k, (nuint)key.Length);
        }
        return Valid();
    }

    /// <summary>Goes to the last key that is not above this one.</summary>
    public bool SeekForPrevious(ReadOnlySpan<byte> key)
    {
        fixed (byte* k = key)
        {
            rocksdb_iter_seek_for_prev(_handle, k, (nuint)key.Length);
        }
        return Valid();
    }

    public bool Next()
    {
        rocksdb_iter_next(_handle);
        return Valid();
    }

    public bool Previous()
    {
        rocksdb_iter_prev(_handle);
        return Valid();
    }

    private bool Valid()
    {
        if (rocksdb_iter_valid(_handle) != 0)
        {
            return true;
        }
        nint error = 0;
        rocksdb_iter_get_error(_handle, &error);
        store.Check(error, "read from");
        return false;
    }

    public void Dispose()
    {
        if (_handle != 0)
        {
            rocksdb_iter_destroy(_handle);
            _handle = 0;
            bounds?.Dispose();
            store.Release();
        }
    }
}

/// <summary>The bounds of an iterator, which RocksDB reads for as long as it lives.</summary>
internal sealed unsafe class RangeBounds : IDisposable
{
    private byte* _keys;

    public RangeBounds(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to)
    {
        _keys = (byte*)NativeMemory.Alloc((nuint)(from.Length + to.Length));
        from.CopyTo(new Span<byte>(_keys, from.Length));
        to.CopyTo(new Span<byte>(_keys + from.Length, to.Length));
        ReadOptions = rocksdb_readoptions_create();
        rocksdb_readoptions_set_iterate_lower_bound(ReadOptions, _keys, (nuint)from.Length);
        rocksdb_readoptions_set_iterate_upper_bound(ReadOptions, _keys + from.Length, (nuint)to.Length);
    }

    public nint ReadOptions { get; }

    public void Dispose()
    {
        if (_keys is not null)
        {
            rocksdb_readoptions_destroy(ReadOptions);
            NativeMemory.Free(_keys);
            _keys = null;
        }
    }
}
