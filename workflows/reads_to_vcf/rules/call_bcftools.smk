# Germline: bcftools' multi-allelic caller. Tumour and normal: the alleles that the pile-up shows, with their reads; the rule of
# rules/filter_somatic.smk decides.
if CALLER == "bcftools":

    rule call_bcftools:
        input:
            bams=set_bams,
            indices=set_indices,
            checks=set_checks,
            reference=REFERENCE,
            piece=lambda wildcards: PIECE_FILES[wildcards.piece],
        output:
            temp("work/calls/{set}.{piece}.vcf.gz"),
        log:
            "logs/call_bcftools/{set}.{piece}.log",
        params:
            gaps=lambda wildcards: []
            if wildcards.set == "germline"
            else ["--gap-frac", str(config["somatic"]["min_share"]), "--min-ireads", str(config["somatic"]["min_reads"])],
            then=lambda wildcards: ["call", "--multiallelic-caller", "--variants-only", "--annotate", "GQ"]
            if wildcards.set == "germline"
            else ["view", "--exclude", 'N_ALT=1 && ALT="<*>"'],  # places where all reads are the reference's
        conda:
            "../envs/tools.yaml"
        shell:
            "bcftools mpileup --fasta-ref {input.reference:q} --regions-file {input.piece:q} --annotate FORMAT/AD,FORMAT/DP"
            " --min-MQ 20 --min-BQ 13 --max-depth 2000 --max-idepth 2000 {params.gaps:q} -O u {input.bams:q} 2> {log:q}"
            " | bcftools {params.then:q} -O u 2>> {log:q}"
            " | bcftools sort -T {output:q}.sort -O z -o {output:q} 2>> {log:q}"
